//! WriteTxnMarkers (key 27): writes the ends of transactions into partitions; from coordinators to
//! leaders (KIP-98).
//!
//! * v1 flexible
//! * v2 transaction version (KIP-1228)

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 27, versions = 1..=2, flexible = 1.., listeners = [Broker])]
pub struct WriteTxnMarkersRequest {
    /// One entry per producer whose transactions end.
    pub markers: Vec<WritableTxnMarker>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`WriteTxnMarkersRequest::markers`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct WritableTxnMarker {
    /// Producer id.
    pub producer_id: i64,
    /// Epoch of the producer id.
    pub producer_epoch: i16,
    /// True to commit, false to abort.
    pub transaction_result: bool,
    /// The topics.
    pub topics: Vec<WritableTxnMarkerTopic>,
    /// Epoch of the coordinator's leadership; an outdated one is refused.
    pub coordinator_epoch: i32,
    /// Transaction version of the marker, from 2 on with an epoch that must be new (KIP-1228).
    #[field(since = 2, ignorable)]
    pub transaction_version: i8,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`WritableTxnMarker::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct WritableTxnMarkerTopic {
    /// Name of the topic.
    pub name: StrBytes,
    /// Numbers of the partitions within the topic.
    pub partition_indexes: Vec<i32>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 27, versions = 1..=2, flexible = 1..)]
pub struct WriteTxnMarkersResponse {
    /// One entry per producer whose transactions end.
    pub markers: Vec<WritableTxnMarkerResult>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`WriteTxnMarkersResponse::markers`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct WritableTxnMarkerResult {
    /// Producer id.
    pub producer_id: i64,
    /// The topics.
    pub topics: Vec<WritableTxnMarkerTopicResult>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`WritableTxnMarkerResult::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct WritableTxnMarkerTopicResult {
    /// Name of the topic.
    pub name: StrBytes,
    /// The partitions.
    pub partitions: Vec<WritableTxnMarkerPartitionResult>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`WritableTxnMarkerTopicResult::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct WritableTxnMarkerPartitionResult {
    /// Number of the partition within the topic.
    pub partition_index: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
