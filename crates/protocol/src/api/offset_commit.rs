//! OffsetCommit (key 8).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 8, versions = 2..=10, flexible = 8.., listeners = [Broker])]
pub struct OffsetCommitRequest {
    pub group_id: StrBytes,
    #[field(default = -1, ignorable)]
    pub generation_id_or_member_epoch: i32,
    #[field(ignorable)]
    pub member_id: StrBytes,
    #[field(since = 7, default = null)]
    pub group_instance_id: Option<StrBytes>,
    #[field(until = 4, default = -1, ignorable)]
    pub retention_time_ms: i64,
    pub topics: Vec<OffsetCommitRequestTopic>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct OffsetCommitRequestTopic {
    #[field(until = 9, ignorable)]
    pub name: StrBytes,
    #[field(since = 10, ignorable)]
    pub topic_id: Uuid,
    pub partitions: Vec<OffsetCommitRequestPartition>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct OffsetCommitRequestPartition {
    pub partition_index: i32,
    pub committed_offset: i64,
    #[field(since = 6, default = -1, ignorable)]
    pub committed_leader_epoch: i32,
    pub committed_metadata: Option<StrBytes>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 8, versions = 2..=10, flexible = 8..)]
pub struct OffsetCommitResponse {
    #[field(since = 3, ignorable)]
    pub throttle_time_ms: i32,
    pub topics: Vec<OffsetCommitResponseTopic>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct OffsetCommitResponseTopic {
    #[field(until = 9, ignorable)]
    pub name: StrBytes,
    #[field(since = 10, ignorable)]
    pub topic_id: Uuid,
    pub partitions: Vec<OffsetCommitResponsePartition>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct OffsetCommitResponsePartition {
    pub partition_index: i32,
    pub error_code: i16,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
