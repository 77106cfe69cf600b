//! OffsetFetch (key 9).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 9, versions = 1..=10, flexible = 6.., listeners = [Broker])]
pub struct OffsetFetchRequest {
    #[field(until = 7)]
    pub group_id: StrBytes,
    #[field(until = 7, nullable = 2..)]
    pub topics: Option<Vec<OffsetFetchRequestTopic>>,
    #[field(since = 8)]
    pub groups: Vec<OffsetFetchRequestGroup>,
    #[field(since = 7)]
    pub require_stable: bool,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct OffsetFetchRequestTopic {
    pub name: StrBytes,
    pub partition_indexes: Vec<i32>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct OffsetFetchRequestGroup {
    pub group_id: StrBytes,
    #[field(since = 9, default = null, ignorable)]
    pub member_id: Option<StrBytes>,
    #[field(since = 9, default = -1, ignorable)]
    pub member_epoch: i32,
    pub topics: Option<Vec<OffsetFetchRequestTopics>>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct OffsetFetchRequestTopics {
    #[field(until = 9, ignorable)]
    pub name: StrBytes,
    #[field(since = 10, ignorable)]
    pub topic_id: Uuid,
    pub partition_indexes: Vec<i32>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 9, versions = 1..=10, flexible = 6..)]
pub struct OffsetFetchResponse {
    #[field(since = 3, ignorable)]
    pub throttle_time_ms: i32,
    #[field(until = 7)]
    pub topics: Vec<OffsetFetchResponseTopic>,
    #[field(since = 2, until = 7, ignorable)]
    pub error_code: i16,
    #[field(since = 8)]
    pub groups: Vec<OffsetFetchResponseGroup>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct OffsetFetchResponseTopic {
    pub name: StrBytes,
    pub partitions: Vec<OffsetFetchResponsePartition>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct OffsetFetchResponsePartition {
    pub partition_index: i32,
    pub committed_offset: i64,
    #[field(since = 5, default = -1, ignorable)]
    pub committed_leader_epoch: i32,
    pub metadata: Option<StrBytes>,
    pub error_code: i16,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct OffsetFetchResponseGroup {
    pub group_id: StrBytes,
    pub topics: Vec<OffsetFetchResponseTopics>,
    pub error_code: i16,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct OffsetFetchResponseTopics {
    #[field(until = 9, ignorable)]
    pub name: StrBytes,
    #[field(since = 10, ignorable)]
    pub topic_id: Uuid,
    pub partitions: Vec<OffsetFetchResponsePartitions>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct OffsetFetchResponsePartitions {
    pub partition_index: i32,
    pub committed_offset: i64,
    #[field(default = -1, ignorable)]
    pub committed_leader_epoch: i32,
    pub metadata: Option<StrBytes>,
    pub error_code: i16,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
