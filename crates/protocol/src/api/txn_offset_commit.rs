//! TxnOffsetCommit (key 28): stores offsets as part of a transaction (KIP-98).
//!
//! * v2 leader epoch
//! * v3 flexible, member and generation (KIP-447)
//! * v4 TRANSACTION_ABORTABLE (KIP-890)
//! * v5 adds the offsets to the transaction by itself (KIP-890)

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 28, versions = 0..=5, flexible = 3.., listeners = [Broker])]
pub struct TxnOffsetCommitRequest {
    /// Transactional id of the producer.
    pub transactional_id: StrBytes,
    /// Id of the group.
    pub group_id: StrBytes,
    /// Producer id.
    pub producer_id: i64,
    /// Epoch of the producer id.
    pub producer_epoch: i16,
    /// Generation of the group or epoch of the member; -1 if not checked.
    #[field(since = 3, default = -1)]
    pub generation_id: i32,
    /// Id of the member.
    #[field(since = 3)]
    pub member_id: StrBytes,
    /// Id of a static member (`group.instance.id`); null for a dynamic one.
    #[field(since = 3, default = null)]
    pub group_instance_id: Option<StrBytes>,
    /// The topics.
    pub topics: Vec<TxnOffsetCommitRequestTopic>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`TxnOffsetCommitRequest::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct TxnOffsetCommitRequestTopic {
    /// Name of the topic.
    pub name: StrBytes,
    /// The partitions.
    pub partitions: Vec<TxnOffsetCommitRequestPartition>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`TxnOffsetCommitRequestTopic::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct TxnOffsetCommitRequestPartition {
    /// Number of the partition within the topic.
    pub partition_index: i32,
    /// Committed offset: the next one to read.
    pub committed_offset: i64,
    /// Leader epoch of the record before the committed offset, -1 if unknown.
    #[field(since = 2, default = -1, ignorable)]
    pub committed_leader_epoch: i32,
    /// Text the client keeps with the offset.
    pub committed_metadata: Option<StrBytes>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 28, versions = 0..=5, flexible = 3..)]
pub struct TxnOffsetCommitResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// The topics.
    pub topics: Vec<TxnOffsetCommitResponseTopic>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`TxnOffsetCommitResponse::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct TxnOffsetCommitResponseTopic {
    /// Name of the topic.
    pub name: StrBytes,
    /// The partitions.
    pub partitions: Vec<TxnOffsetCommitResponsePartition>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`TxnOffsetCommitResponseTopic::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct TxnOffsetCommitResponsePartition {
    /// Number of the partition within the topic.
    pub partition_index: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
