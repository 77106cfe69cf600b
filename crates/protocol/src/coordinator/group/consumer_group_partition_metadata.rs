//! ConsumerGroupPartitionMetadata (type 4).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 4, versions = 0, flexible = none)]
pub struct ConsumerGroupPartitionMetadataKey {
    pub group_id: StrBytes,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 4, versions = 0, flexible = 0..)]
pub struct ConsumerGroupPartitionMetadataValue {
    pub topics: Vec<TopicMetadata>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct TopicMetadata {
    pub topic_id: Uuid,
    pub topic_name: StrBytes,
    pub num_partitions: i32,
    pub partition_metadata: Vec<PartitionMetadata>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct PartitionMetadata {
    pub partition: i32,
    pub racks: Vec<StrBytes>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
