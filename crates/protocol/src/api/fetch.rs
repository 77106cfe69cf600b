//! Fetch (key 1).

use crate::Message;
use crate::wire::{RawTaggedField, Records, StrBytes, Uuid};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 1, versions = 4..=18, flexible = 12.., listeners = [Broker, Controller])]
pub struct FetchRequest {
    #[field(tag = 0, since = 12, default = null, ignorable)]
    pub cluster_id: Option<StrBytes>,
    #[field(until = 14, default = -1)]
    pub replica_id: i32,
    #[field(tag = 1, since = 15)]
    pub replica_state: ReplicaState,
    pub max_wait_ms: i32,
    pub min_bytes: i32,
    #[field(default = i32::MAX, ignorable)]
    pub max_bytes: i32,
    #[field(ignorable)]
    pub isolation_level: i8,
    #[field(since = 7, ignorable)]
    pub session_id: i32,
    #[field(since = 7, default = -1, ignorable)]
    pub session_epoch: i32,
    pub topics: Vec<FetchTopic>,
    #[field(since = 7)]
    pub forgotten_topics_data: Vec<ForgottenTopic>,
    #[field(since = 11, ignorable)]
    pub rack_id: StrBytes,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct ReplicaState {
    #[field(default = -1)]
    pub replica_id: i32,
    #[field(default = -1)]
    pub replica_epoch: i64,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct FetchTopic {
    #[field(until = 12, ignorable)]
    pub topic: StrBytes,
    #[field(since = 13, ignorable)]
    pub topic_id: Uuid,
    pub partitions: Vec<FetchPartition>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct FetchPartition {
    pub partition: i32,
    #[field(since = 9, default = -1, ignorable)]
    pub current_leader_epoch: i32,
    pub fetch_offset: i64,
    #[field(since = 12, default = -1)]
    pub last_fetched_epoch: i32,
    #[field(since = 5, default = -1, ignorable)]
    pub log_start_offset: i64,
    pub partition_max_bytes: i32,
    #[field(tag = 0, since = 17, ignorable)]
    pub replica_directory_id: Uuid,
    #[field(tag = 1, since = 18, default = i64::MAX, ignorable)]
    pub high_watermark: i64,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct ForgottenTopic {
    #[field(until = 12, ignorable)]
    pub topic: StrBytes,
    #[field(since = 13, ignorable)]
    pub topic_id: Uuid,
    pub partitions: Vec<i32>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 1, versions = 4..=18, flexible = 12..)]
pub struct FetchResponse {
    #[field(ignorable)]
    pub throttle_time_ms: i32,
    #[field(since = 7, ignorable)]
    pub error_code: i16,
    #[field(since = 7)]
    pub session_id: i32,
    pub responses: Vec<FetchableTopicResponse>,
    #[field(tag = 0, since = 16)]
    pub node_endpoints: Vec<NodeEndpoint>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct FetchableTopicResponse {
    #[field(until = 12, ignorable)]
    pub topic: StrBytes,
    #[field(since = 13, ignorable)]
    pub topic_id: Uuid,
    pub partitions: Vec<PartitionData>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct PartitionData {
    pub partition_index: i32,
    pub error_code: i16,
    pub high_watermark: i64,
    #[field(default = -1, ignorable)]
    pub last_stable_offset: i64,
    #[field(since = 5, default = -1, ignorable)]
    pub log_start_offset: i64,
    #[field(tag = 0, since = 12)]
    pub diverging_epoch: EpochEndOffset,
    #[field(tag = 1, since = 12)]
    pub current_leader: LeaderIdAndEpoch,
    #[field(tag = 2, since = 12)]
    pub snapshot_id: SnapshotId,
    #[field(ignorable)]
    pub aborted_transactions: Option<Vec<AbortedTransaction>>,
    #[field(since = 11, default = -1)]
    pub preferred_read_replica: i32,
    pub records: Option<Records>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct EpochEndOffset {
    #[field(default = -1)]
    pub epoch: i32,
    #[field(default = -1)]
    pub end_offset: i64,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct LeaderIdAndEpoch {
    #[field(default = -1)]
    pub leader_id: i32,
    #[field(default = -1)]
    pub leader_epoch: i32,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct SnapshotId {
    #[field(default = -1)]
    pub end_offset: i64,
    #[field(default = -1)]
    pub epoch: i32,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct AbortedTransaction {
    pub producer_id: i64,
    pub first_offset: i64,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct NodeEndpoint {
    pub node_id: i32,
    pub host: StrBytes,
    pub port: i32,
    #[field(default = null)]
    pub rack: Option<StrBytes>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
