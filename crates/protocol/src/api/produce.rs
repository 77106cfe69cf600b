//! Produce (key 0): appends record batches to partitions.
//! The leader answers when `acks` is satisfied; with 0 it does not answer at all.
//!
//! * v3 transactional id and record batch v2 (KIP-98)
//! * v5 log start offset
//! * v7 zstd (KIP-110)
//! * v8 errors per record (KIP-467)
//! * v9 flexible
//! * v10 current leader in errors (KIP-951)
//! * v11 TRANSACTION_ABORTABLE (KIP-890)
//! * v12 adds the partition to the transaction by itself (KIP-890)
//! * v13 topic ids (KIP-516)
//!
//! Errors per partition, among others: CORRUPT_MESSAGE, UNKNOWN_TOPIC_OR_PARTITION,
//! NOT_LEADER_OR_FOLLOWER, MESSAGE_TOO_LARGE, NOT_ENOUGH_REPLICAS, OUT_OF_ORDER_SEQUENCE_NUMBER,
//! INVALID_PRODUCER_EPOCH, INVALID_RECORD, UNKNOWN_TOPIC_ID.

use crate::Message;
use crate::wire::{RawTaggedField, Records, StrBytes, Uuid};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 0, versions = 3..=13, flexible = 9.., listeners = [Broker])]
pub struct ProduceRequest {
    /// Set by transactional producers only.
    #[field(default = null)]
    pub transactional_id: Option<StrBytes>,
    /// -1: all in-sync replicas must have the batch; 1: the leader; 0: no response is sent.
    pub acks: i16,
    /// How long to wait for the acknowledgements, in ms.
    pub timeout_ms: i32,
    /// The topics.
    pub topic_data: Vec<TopicProduceData>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ProduceRequest::topic_data`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct TopicProduceData {
    /// Name of the topic.
    #[field(until = 12, ignorable)]
    pub name: StrBytes,
    /// Id of the topic.
    #[field(since = 13, ignorable)]
    pub topic_id: Uuid,
    /// The partitions.
    pub partition_data: Vec<PartitionProduceData>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`TopicProduceData::partition_data`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct PartitionProduceData {
    /// Number of the partition within the topic.
    pub index: i32,
    /// Record batches.
    pub records: Option<Records>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 0, versions = 3..=13, flexible = 9..)]
pub struct ProduceResponse {
    /// Outcome, one per item of the request.
    pub responses: Vec<TopicProduceResponse>,
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    #[field(ignorable)]
    pub throttle_time_ms: i32,
    /// Endpoints of the nodes the answer refers to.
    #[field(tag = 0, since = 10)]
    pub node_endpoints: Vec<NodeEndpoint>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ProduceResponse::responses`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct TopicProduceResponse {
    /// Name of the topic.
    #[field(until = 12, ignorable)]
    pub name: StrBytes,
    /// Id of the topic.
    #[field(since = 13, ignorable)]
    pub topic_id: Uuid,
    /// Outcome per partition.
    pub partition_responses: Vec<PartitionProduceResponse>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`TopicProduceResponse::partition_responses`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct PartitionProduceResponse {
    /// Number of the partition within the topic.
    pub index: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Offset of the first record of the batch.
    pub base_offset: i64,
    /// Time the broker gave the records, -1 if they keep their own.
    #[field(default = -1, ignorable)]
    pub log_append_time_ms: i64,
    /// First offset that the log has, -1 if unknown.
    #[field(since = 5, default = -1, ignorable)]
    pub log_start_offset: i64,
    /// Which records made the broker refuse the batch (KIP-467).
    #[field(since = 8, ignorable)]
    pub record_errors: Vec<BatchIndexAndErrorMessage>,
    /// Text for the error; null if there is none.
    #[field(since = 8, default = null, ignorable)]
    pub error_message: Option<StrBytes>,
    /// Who leads now.
    #[field(tag = 0, since = 10)]
    pub current_leader: LeaderIdAndEpoch,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`PartitionProduceResponse::record_errors`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct BatchIndexAndErrorMessage {
    /// Which record of the batch.
    pub batch_index: i32,
    /// What is wrong with it.
    #[field(default = null)]
    pub batch_index_error_message: Option<StrBytes>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The value of [`PartitionProduceResponse::current_leader`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct LeaderIdAndEpoch {
    /// Node id of the leader, -1 for none.
    #[field(default = -1)]
    pub leader_id: i32,
    /// Epoch of the leader.
    #[field(default = -1)]
    pub leader_epoch: i32,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ProduceResponse::node_endpoints`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct NodeEndpoint {
    /// Node id.
    pub node_id: i32,
    /// Host name or address.
    pub host: StrBytes,
    /// Port.
    pub port: i32,
    /// Rack, or null.
    #[field(default = null)]
    pub rack: Option<StrBytes>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
