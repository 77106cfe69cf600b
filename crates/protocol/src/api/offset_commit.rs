//! OffsetCommit (key 8): stores the offsets a group has reached.
//!
//! * v5 no retention time
//! * v6 leader epoch
//! * v7 static members (KIP-345)
//! * v8 flexible
//! * v9 new consumer protocol (KIP-848)
//! * v10 topic ids

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 8, versions = 2..=10, flexible = 8.., listeners = [Broker])]
pub struct OffsetCommitRequest {
    /// Id of the group.
    pub group_id: StrBytes,
    /// Generation (classic) or member epoch (KIP-848) of the committer, -1 for a committer outside of
    /// the group.
    #[field(default = -1, ignorable)]
    pub generation_id_or_member_epoch: i32,
    /// Id of the member.
    #[field(ignorable)]
    pub member_id: StrBytes,
    /// Id of a static member (`group.instance.id`); null for a dynamic one.
    #[field(since = 7, default = null)]
    pub group_instance_id: Option<StrBytes>,
    /// How long to keep the offset, in ms; -1 for the broker's retention.
    #[field(until = 4, default = -1, ignorable)]
    pub retention_time_ms: i64,
    /// The topics.
    pub topics: Vec<OffsetCommitRequestTopic>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`OffsetCommitRequest::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct OffsetCommitRequestTopic {
    /// Name of the topic.
    #[field(until = 9, ignorable)]
    pub name: StrBytes,
    /// Id of the topic.
    #[field(since = 10, ignorable)]
    pub topic_id: Uuid,
    /// The partitions.
    pub partitions: Vec<OffsetCommitRequestPartition>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`OffsetCommitRequestTopic::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct OffsetCommitRequestPartition {
    /// Number of the partition within the topic.
    pub partition_index: i32,
    /// Committed offset: the next one to read.
    pub committed_offset: i64,
    /// Leader epoch of the record before the committed offset, -1 if unknown.
    #[field(since = 6, default = -1, ignorable)]
    pub committed_leader_epoch: i32,
    /// Text the client keeps with the offset.
    pub committed_metadata: Option<StrBytes>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 8, versions = 2..=10, flexible = 8..)]
pub struct OffsetCommitResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    #[field(since = 3, ignorable)]
    pub throttle_time_ms: i32,
    /// The topics.
    pub topics: Vec<OffsetCommitResponseTopic>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`OffsetCommitResponse::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct OffsetCommitResponseTopic {
    /// Name of the topic.
    #[field(until = 9, ignorable)]
    pub name: StrBytes,
    /// Id of the topic.
    #[field(since = 10, ignorable)]
    pub topic_id: Uuid,
    /// The partitions.
    pub partitions: Vec<OffsetCommitResponsePartition>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`OffsetCommitResponseTopic::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct OffsetCommitResponsePartition {
    /// Number of the partition within the topic.
    pub partition_index: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
