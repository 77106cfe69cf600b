//! WriteShareGroupState (key 85): writes the state of share partitions; from leaders to share
//! coordinators (KIP-932).
//!
//! * v1 count of completed deliveries (KIP-1226)

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 85, versions = 0..=1, flexible = 0.., listeners = [Broker])]
pub struct WriteShareGroupStateRequest {
    /// Id of the group.
    pub group_id: StrBytes,
    /// The topics.
    pub topics: Vec<WriteStateData>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`WriteShareGroupStateRequest::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct WriteStateData {
    /// Id of the topic.
    pub topic_id: Uuid,
    /// The partitions.
    pub partitions: Vec<PartitionData>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`WriteStateData::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct PartitionData {
    /// Number of the partition within the topic.
    pub partition: i32,
    /// Epoch of the share partition's state; fences outdated leaders.
    pub state_epoch: i32,
    /// Epoch of the leader.
    pub leader_epoch: i32,
    /// First offset that is not done with; -1 leaves it.
    pub start_offset: i64,
    /// How many offsets from the start offset on are done with; -1 if unknown.
    #[field(since = 1, default = -1, ignorable)]
    pub delivery_complete_count: i32,
    /// Ranges of offsets and their state of delivery.
    pub state_batches: Vec<StateBatch>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`PartitionData::state_batches`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct StateBatch {
    /// First offset of the range, inclusive.
    pub first_offset: i64,
    /// Last offset of the range, inclusive.
    pub last_offset: i64,
    /// 0 available, 2 acknowledged, 4 archived.
    pub delivery_state: i8,
    /// How often the records have been delivered.
    pub delivery_count: i16,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 85, versions = 0..=1, flexible = 0..)]
pub struct WriteShareGroupStateResponse {
    /// Outcome, one per item of the request.
    pub results: Vec<WriteStateResult>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`WriteShareGroupStateResponse::results`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct WriteStateResult {
    /// Id of the topic.
    pub topic_id: Uuid,
    /// The partitions.
    pub partitions: Vec<PartitionResult>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`WriteStateResult::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct PartitionResult {
    /// Number of the partition within the topic.
    pub partition: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Text for the error; null if there is none.
    #[field(default = null)]
    pub error_message: Option<StrBytes>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
