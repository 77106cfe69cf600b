//! OffsetForLeaderEpoch (key 23): finds where a leader epoch ends, to detect truncation (KIP-101,
//! KIP-320).
//!
//! * v2 fencing by epoch
//! * v3 replica id
//! * v4 flexible

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 23, versions = 2..=4, flexible = 4.., listeners = [Broker])]
pub struct OffsetForLeaderEpochRequest {
    /// Node id of the follower, -1 for a consumer, -2 for one that may read beyond the high
    /// watermark.
    #[field(since = 3, default = -2, ignorable)]
    pub replica_id: i32,
    /// The topics.
    pub topics: Vec<OffsetForLeaderTopic>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`OffsetForLeaderEpochRequest::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct OffsetForLeaderTopic {
    /// Name of the topic.
    pub topic: StrBytes,
    /// The partitions.
    pub partitions: Vec<OffsetForLeaderPartition>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`OffsetForLeaderTopic::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct OffsetForLeaderPartition {
    /// Number of the partition within the topic.
    pub partition: i32,
    /// Leader epoch the client knows, -1 for no check: lets the broker fence outdated clients
    /// (KIP-320).
    #[field(default = -1, ignorable)]
    pub current_leader_epoch: i32,
    /// Epoch whose end is wanted.
    pub leader_epoch: i32,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 23, versions = 2..=4, flexible = 4..)]
pub struct OffsetForLeaderEpochResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    #[field(ignorable)]
    pub throttle_time_ms: i32,
    /// The topics.
    pub topics: Vec<OffsetForLeaderTopicResult>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`OffsetForLeaderEpochResponse::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct OffsetForLeaderTopicResult {
    /// Name of the topic.
    pub topic: StrBytes,
    /// The partitions.
    pub partitions: Vec<EpochEndOffset>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`OffsetForLeaderTopicResult::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct EpochEndOffset {
    /// Error, 0 for none.
    pub error_code: i16,
    /// Number of the partition within the topic.
    pub partition: i32,
    /// The asked epoch or the largest one before it, -1 if unknown.
    #[field(default = -1, ignorable)]
    pub leader_epoch: i32,
    /// End offset of that epoch, -1 if unknown.
    #[field(default = -1)]
    pub end_offset: i64,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
