//! InitializeShareGroupState (key 83): creates the state of share partitions; from group to share
//! coordinators (KIP-932).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 83, versions = 0, flexible = 0.., listeners = [Broker])]
pub struct InitializeShareGroupStateRequest {
    /// Id of the group.
    pub group_id: StrBytes,
    /// The topics.
    pub topics: Vec<InitializeStateData>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`InitializeShareGroupStateRequest::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct InitializeStateData {
    /// Id of the topic.
    pub topic_id: Uuid,
    /// The partitions.
    pub partitions: Vec<PartitionData>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`InitializeStateData::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct PartitionData {
    /// Number of the partition within the topic.
    pub partition: i32,
    /// Epoch of the share partition's state; fences outdated leaders.
    pub state_epoch: i32,
    /// First offset.
    pub start_offset: i64,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 83, versions = 0, flexible = 0..)]
pub struct InitializeShareGroupStateResponse {
    /// Outcome, one per item of the request.
    pub results: Vec<InitializeStateResult>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`InitializeShareGroupStateResponse::results`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct InitializeStateResult {
    /// Id of the topic.
    pub topic_id: Uuid,
    /// The partitions.
    pub partitions: Vec<PartitionResult>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`InitializeStateResult::partitions`].
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
