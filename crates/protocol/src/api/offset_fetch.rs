//! OffsetFetch (key 9): reads the offsets a group has stored.
//!
//! * v2 null for all topics
//! * v5 leader epoch
//! * v6 flexible
//! * v7 stable offsets only (KIP-447)
//! * v8 several groups (KIP-709)
//! * v9 member epoch (KIP-848)
//! * v10 topic ids

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 9, versions = 1..=10, flexible = 6.., listeners = [Broker])]
pub struct OffsetFetchRequest {
    /// Id of the group.
    #[field(until = 7)]
    pub group_id: StrBytes,
    /// Topics to fetch offsets of; null for all.
    #[field(until = 7, nullable = 2..)]
    pub topics: Option<Vec<OffsetFetchRequestTopic>>,
    /// The groups.
    #[field(since = 8)]
    pub groups: Vec<OffsetFetchRequestGroup>,
    /// Whether to refuse offsets that an open transaction may still change.
    #[field(since = 7)]
    pub require_stable: bool,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`OffsetFetchRequest::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct OffsetFetchRequestTopic {
    /// Name of the topic.
    pub name: StrBytes,
    /// Numbers of the partitions within the topic.
    pub partition_indexes: Vec<i32>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`OffsetFetchRequest::groups`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct OffsetFetchRequestGroup {
    /// Id of the group.
    pub group_id: StrBytes,
    /// Id of the member.
    #[field(since = 9, default = null, ignorable)]
    pub member_id: Option<StrBytes>,
    /// Epoch of the member, -1 if it does not use the new protocol.
    #[field(since = 9, default = -1, ignorable)]
    pub member_epoch: i32,
    /// Topics to fetch offsets of; null for all.
    pub topics: Option<Vec<OffsetFetchRequestTopics>>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`OffsetFetchRequestGroup::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct OffsetFetchRequestTopics {
    /// Name of the topic.
    #[field(until = 9, ignorable)]
    pub name: StrBytes,
    /// Id of the topic.
    #[field(since = 10, ignorable)]
    pub topic_id: Uuid,
    /// Numbers of the partitions within the topic.
    pub partition_indexes: Vec<i32>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 9, versions = 1..=10, flexible = 6..)]
pub struct OffsetFetchResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    #[field(since = 3, ignorable)]
    pub throttle_time_ms: i32,
    /// The topics.
    #[field(until = 7)]
    pub topics: Vec<OffsetFetchResponseTopic>,
    /// Error, 0 for none.
    #[field(since = 2, until = 7, ignorable, counted = matches!(version, 2..=7))]
    pub error_code: i16,
    /// The groups.
    #[field(since = 8)]
    pub groups: Vec<OffsetFetchResponseGroup>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`OffsetFetchResponse::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct OffsetFetchResponseTopic {
    /// Name of the topic.
    pub name: StrBytes,
    /// The partitions.
    pub partitions: Vec<OffsetFetchResponsePartition>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`OffsetFetchResponseTopic::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct OffsetFetchResponsePartition {
    /// Number of the partition within the topic.
    pub partition_index: i32,
    /// Committed offset: the next one to read.
    pub committed_offset: i64,
    /// Leader epoch of the record before the committed offset, -1 if unknown.
    #[field(since = 5, default = -1, ignorable)]
    pub committed_leader_epoch: i32,
    /// Metadata in the form of whoever reads it.
    pub metadata: Option<StrBytes>,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`OffsetFetchResponse::groups`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct OffsetFetchResponseGroup {
    /// Id of the group.
    pub group_id: StrBytes,
    /// The topics.
    pub topics: Vec<OffsetFetchResponseTopics>,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`OffsetFetchResponseGroup::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct OffsetFetchResponseTopics {
    /// Name of the topic.
    #[field(until = 9, ignorable)]
    pub name: StrBytes,
    /// Id of the topic.
    #[field(since = 10, ignorable)]
    pub topic_id: Uuid,
    /// The partitions.
    pub partitions: Vec<OffsetFetchResponsePartitions>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`OffsetFetchResponseTopics::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct OffsetFetchResponsePartitions {
    /// Number of the partition within the topic.
    pub partition_index: i32,
    /// Committed offset: the next one to read.
    pub committed_offset: i64,
    /// Leader epoch of the record before the committed offset, -1 if unknown.
    #[field(default = -1, ignorable)]
    pub committed_leader_epoch: i32,
    /// Metadata in the form of whoever reads it.
    pub metadata: Option<StrBytes>,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
