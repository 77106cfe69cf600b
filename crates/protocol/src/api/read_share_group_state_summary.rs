//! ReadShareGroupStateSummary (key 87): reads the start offsets of share partitions (KIP-932).
//!
//! * v1 count of completed deliveries (KIP-1226)

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 87, versions = 0..=1, flexible = 0.., listeners = [Broker])]
pub struct ReadShareGroupStateSummaryRequest {
    /// Id of the group.
    pub group_id: StrBytes,
    /// The topics.
    pub topics: Vec<ReadStateSummaryData>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ReadShareGroupStateSummaryRequest::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct ReadStateSummaryData {
    /// Id of the topic.
    pub topic_id: Uuid,
    /// The partitions.
    pub partitions: Vec<PartitionData>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ReadStateSummaryData::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct PartitionData {
    /// Number of the partition within the topic.
    pub partition: i32,
    /// Epoch of the leader.
    pub leader_epoch: i32,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 87, versions = 0..=1, flexible = 0..)]
pub struct ReadShareGroupStateSummaryResponse {
    /// Outcome, one per item of the request.
    pub results: Vec<ReadStateSummaryResult>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ReadShareGroupStateSummaryResponse::results`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct ReadStateSummaryResult {
    /// Id of the topic.
    pub topic_id: Uuid,
    /// The partitions.
    pub partitions: Vec<PartitionResult>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ReadStateSummaryResult::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct PartitionResult {
    /// Number of the partition within the topic.
    pub partition: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Text for the error; null if there is none.
    #[field(default = null)]
    pub error_message: Option<StrBytes>,
    /// Epoch of the share partition's state; fences outdated leaders.
    pub state_epoch: i32,
    /// Epoch of the leader.
    pub leader_epoch: i32,
    /// First offset.
    pub start_offset: i64,
    /// How many offsets from the start offset on are done with; -1 if unknown.
    #[field(since = 1, default = -1, ignorable)]
    pub delivery_complete_count: i32,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
