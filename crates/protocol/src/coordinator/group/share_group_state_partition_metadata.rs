//! ShareGroupStatePartitionMetadata (type 15).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 15, versions = 0, flexible = none)]
pub struct ShareGroupStatePartitionMetadataKey {
    pub group_id: StrBytes,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 15, versions = 0, flexible = 0..)]
pub struct ShareGroupStatePartitionMetadataValue {
    pub initializing_topics: Vec<TopicPartitionsInfo>,
    pub initialized_topics: Vec<TopicPartitionsInfo>,
    pub deleting_topics: Vec<TopicInfo>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct TopicPartitionsInfo {
    pub topic_id: Uuid,
    pub topic_name: StrBytes,
    pub partitions: Vec<i32>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct TopicInfo {
    pub topic_id: Uuid,
    pub topic_name: StrBytes,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
