//! DeleteShareGroupState (key 86): deletes the state of share partitions; from group to share
//! coordinators (KIP-932).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 86, versions = 0, flexible = 0.., listeners = [Broker])]
pub struct DeleteShareGroupStateRequest {
    /// Id of the group.
    pub group_id: StrBytes,
    /// The topics.
    pub topics: Vec<DeleteStateData>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`DeleteShareGroupStateRequest::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct DeleteStateData {
    /// Id of the topic.
    pub topic_id: Uuid,
    /// The partitions.
    pub partitions: Vec<PartitionData>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`DeleteStateData::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct PartitionData {
    /// Number of the partition within the topic.
    pub partition: i32,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 86, versions = 0, flexible = 0..)]
pub struct DeleteShareGroupStateResponse {
    /// Outcome, one per item of the request.
    pub results: Vec<DeleteStateResult>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`DeleteShareGroupStateResponse::results`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct DeleteStateResult {
    /// Id of the topic.
    pub topic_id: Uuid,
    /// The partitions.
    pub partitions: Vec<PartitionResult>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`DeleteStateResult::partitions`].
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
