//! AlterShareGroupOffsets (key 91).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 91, versions = 0, flexible = 0.., listeners = [Broker])]
pub struct AlterShareGroupOffsetsRequest {
    pub group_id: StrBytes,
    pub topics: Vec<AlterShareGroupOffsetsRequestTopic>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct AlterShareGroupOffsetsRequestTopic {
    pub topic_name: StrBytes,
    pub partitions: Vec<AlterShareGroupOffsetsRequestPartition>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct AlterShareGroupOffsetsRequestPartition {
    pub partition_index: i32,
    pub start_offset: i64,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 91, versions = 0, flexible = 0..)]
pub struct AlterShareGroupOffsetsResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    #[field(default = null)]
    pub error_message: Option<StrBytes>,
    pub responses: Vec<AlterShareGroupOffsetsResponseTopic>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct AlterShareGroupOffsetsResponseTopic {
    pub topic_name: StrBytes,
    pub topic_id: Uuid,
    pub partitions: Vec<AlterShareGroupOffsetsResponsePartition>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct AlterShareGroupOffsetsResponsePartition {
    pub partition_index: i32,
    pub error_code: i16,
    #[field(default = null)]
    pub error_message: Option<StrBytes>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
