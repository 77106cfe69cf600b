//! OffsetForLeaderEpoch (key 23).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 23, versions = 2..=4, flexible = 4.., listeners = [Broker])]
pub struct OffsetForLeaderEpochRequest {
    #[field(since = 3, default = -2, ignorable)]
    pub replica_id: i32,
    pub topics: Vec<OffsetForLeaderTopic>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct OffsetForLeaderTopic {
    pub topic: StrBytes,
    pub partitions: Vec<OffsetForLeaderPartition>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct OffsetForLeaderPartition {
    pub partition: i32,
    #[field(default = -1, ignorable)]
    pub current_leader_epoch: i32,
    pub leader_epoch: i32,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 23, versions = 2..=4, flexible = 4..)]
pub struct OffsetForLeaderEpochResponse {
    #[field(ignorable)]
    pub throttle_time_ms: i32,
    pub topics: Vec<OffsetForLeaderTopicResult>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct OffsetForLeaderTopicResult {
    pub topic: StrBytes,
    pub partitions: Vec<EpochEndOffset>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct EpochEndOffset {
    pub error_code: i16,
    pub partition: i32,
    #[field(default = -1, ignorable)]
    pub leader_epoch: i32,
    #[field(default = -1)]
    pub end_offset: i64,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
