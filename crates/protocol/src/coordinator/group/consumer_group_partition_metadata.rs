//! ConsumerGroupPartitionMetadata (type 4): the subscribed topics of a consumer group. Replaced by the
//! metadata hash in 4.1 (KIP-1101); only tombstones are written.

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

/// The key.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 4, versions = 0, flexible = none)]
pub struct ConsumerGroupPartitionMetadataKey {
    /// Id of the group.
    pub group_id: StrBytes,
}

/// The value.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 4, versions = 0, flexible = 0..)]
pub struct ConsumerGroupPartitionMetadataValue {
    /// The topics.
    pub topics: Vec<TopicMetadata>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ConsumerGroupPartitionMetadataValue::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct TopicMetadata {
    /// Id of the topic.
    pub topic_id: Uuid,
    /// Name of the topic.
    pub topic_name: StrBytes,
    /// Number of partitions, -1 for the broker's default.
    pub num_partitions: i32,
    /// Racks of the partitions; not used since 4.0.
    pub partition_metadata: Vec<PartitionMetadata>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`TopicMetadata::partition_metadata`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct PartitionMetadata {
    /// Number of the partition within the topic.
    pub partition: i32,
    /// Racks that have the partition.
    pub racks: Vec<StrBytes>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
