//! TxnOffsetCommit (key 28).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 28, versions = 0..=5, flexible = 3.., listeners = [Broker])]
pub struct TxnOffsetCommitRequest {
    pub transactional_id: StrBytes,
    pub group_id: StrBytes,
    pub producer_id: i64,
    pub producer_epoch: i16,
    #[field(since = 3, default = -1)]
    pub generation_id: i32,
    #[field(since = 3)]
    pub member_id: StrBytes,
    #[field(since = 3, default = null)]
    pub group_instance_id: Option<StrBytes>,
    pub topics: Vec<TxnOffsetCommitRequestTopic>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct TxnOffsetCommitRequestTopic {
    pub name: StrBytes,
    pub partitions: Vec<TxnOffsetCommitRequestPartition>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct TxnOffsetCommitRequestPartition {
    pub partition_index: i32,
    pub committed_offset: i64,
    #[field(since = 2, default = -1, ignorable)]
    pub committed_leader_epoch: i32,
    pub committed_metadata: Option<StrBytes>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 28, versions = 0..=5, flexible = 3..)]
pub struct TxnOffsetCommitResponse {
    pub throttle_time_ms: i32,
    pub topics: Vec<TxnOffsetCommitResponseTopic>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct TxnOffsetCommitResponseTopic {
    pub name: StrBytes,
    pub partitions: Vec<TxnOffsetCommitResponsePartition>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct TxnOffsetCommitResponsePartition {
    pub partition_index: i32,
    pub error_code: i16,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
