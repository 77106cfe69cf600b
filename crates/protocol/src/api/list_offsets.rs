//! ListOffsets (key 2): finds the offset for a time, or one of the ends of a partition.
//!
//! * v2 isolation level
//! * v4 leader epoch
//! * v6 flexible
//! * v7 largest timestamp (KIP-734)
//! * v8 first local offset (KIP-405)
//! * v9 last tiered offset (KIP-1005)
//! * v10 timeout for remote lookups (KIP-1075)
//! * v11 first offset not tiered yet (KIP-1023)

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 2, versions = 1..=11, flexible = 6.., listeners = [Broker])]
pub struct ListOffsetsRequest {
    /// Node id of the follower, -1 for a consumer, -2 for one that may read beyond the high
    /// watermark.
    pub replica_id: i32,
    /// 0 reads everything, 1 only up to the last stable offset (committed transactions).
    #[field(since = 2)]
    pub isolation_level: i8,
    /// The topics.
    pub topics: Vec<ListOffsetsTopic>,
    /// How long the request may take, in ms.
    #[field(since = 10, ignorable)]
    pub timeout_ms: i32,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ListOffsetsRequest::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct ListOffsetsTopic {
    /// Name of the topic.
    pub name: StrBytes,
    /// The partitions.
    pub partitions: Vec<ListOffsetsPartition>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ListOffsetsTopic::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct ListOffsetsPartition {
    /// Number of the partition within the topic.
    pub partition_index: i32,
    /// Leader epoch the client knows, -1 for no check: lets the broker fence outdated clients
    /// (KIP-320).
    #[field(since = 4, default = -1, ignorable)]
    pub current_leader_epoch: i32,
    /// Time to look up in ms, or -1 latest, -2 earliest, -3 of the largest timestamp (v7), -4
    /// earliest local (v8), -5 last tiered (v9), -6 earliest not yet tiered (v11).
    pub timestamp: i64,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 2, versions = 1..=11, flexible = 6..)]
pub struct ListOffsetsResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    #[field(since = 2, ignorable)]
    pub throttle_time_ms: i32,
    /// The topics.
    pub topics: Vec<ListOffsetsTopicResponse>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ListOffsetsResponse::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct ListOffsetsTopicResponse {
    /// Name of the topic.
    pub name: StrBytes,
    /// The partitions.
    pub partitions: Vec<ListOffsetsPartitionResponse>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ListOffsetsTopicResponse::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct ListOffsetsPartitionResponse {
    /// Number of the partition within the topic.
    pub partition_index: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Timestamp of the record found, -1 if none.
    #[field(default = -1)]
    pub timestamp: i64,
    /// Offset found, -1 if none.
    #[field(default = -1)]
    pub offset: i64,
    /// Epoch of the leader.
    #[field(since = 4, default = -1)]
    pub leader_epoch: i32,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
