//! ShareGroupStatePartitionMetadata (type 15): for which partitions a share group has state, is getting
//! it or losing it (KIP-932).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

/// The key.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 15, versions = 0, flexible = none)]
pub struct ShareGroupStatePartitionMetadataKey {
    /// Id of the group.
    pub group_id: StrBytes,
}

/// The value.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 15, versions = 0, flexible = 0..)]
pub struct ShareGroupStatePartitionMetadataValue {
    /// Topics and partitions that are getting state.
    pub initializing_topics: Vec<TopicPartitionsInfo>,
    /// Topics and partitions that have state.
    pub initialized_topics: Vec<TopicPartitionsInfo>,
    /// Topics whose state is being deleted.
    pub deleting_topics: Vec<TopicInfo>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ShareGroupStatePartitionMetadataValue::initializing_topics`] and
/// [`ShareGroupStatePartitionMetadataValue::initialized_topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct TopicPartitionsInfo {
    /// Id of the topic.
    pub topic_id: Uuid,
    /// Name of the topic.
    pub topic_name: StrBytes,
    /// The partitions.
    pub partitions: Vec<i32>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ShareGroupStatePartitionMetadataValue::deleting_topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct TopicInfo {
    /// Id of the topic.
    pub topic_id: Uuid,
    /// Name of the topic.
    pub topic_name: StrBytes,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
