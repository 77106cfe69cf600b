//! ListOffsets (key 2).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 2, versions = 1..=11, flexible = 6.., listeners = [Broker])]
pub struct ListOffsetsRequest {
    pub replica_id: i32,
    #[field(since = 2)]
    pub isolation_level: i8,
    pub topics: Vec<ListOffsetsTopic>,
    #[field(since = 10, ignorable)]
    pub timeout_ms: i32,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct ListOffsetsTopic {
    pub name: StrBytes,
    pub partitions: Vec<ListOffsetsPartition>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct ListOffsetsPartition {
    pub partition_index: i32,
    #[field(since = 4, default = -1, ignorable)]
    pub current_leader_epoch: i32,
    pub timestamp: i64,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 2, versions = 1..=11, flexible = 6..)]
pub struct ListOffsetsResponse {
    #[field(since = 2, ignorable)]
    pub throttle_time_ms: i32,
    pub topics: Vec<ListOffsetsTopicResponse>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct ListOffsetsTopicResponse {
    pub name: StrBytes,
    pub partitions: Vec<ListOffsetsPartitionResponse>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct ListOffsetsPartitionResponse {
    pub partition_index: i32,
    pub error_code: i16,
    #[field(default = -1)]
    pub timestamp: i64,
    #[field(default = -1)]
    pub offset: i64,
    #[field(since = 4, default = -1)]
    pub leader_epoch: i32,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
