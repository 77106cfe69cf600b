//! AddPartitionsToTxn (key 24): adds partitions to a transaction (KIP-98).
//! Clients use v0 to v3; brokers use v4 and later, several transactions at once, to check that a
//! partition is in its transaction (KIP-890).
//!
//! * v2 PRODUCER_FENCED
//! * v3 flexible
//! * v4 batches, verification (KIP-890)
//! * v5 TRANSACTION_ABORTABLE

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 24, versions = 0..=5, flexible = 3.., listeners = [Broker])]
pub struct AddPartitionsToTxnRequest {
    /// Transactions and what to add to each.
    #[field(since = 4)]
    pub transactions: Vec<AddPartitionsToTxnTransaction>,
    /// Transactional id, from clients.
    #[field(until = 3)]
    pub v3_and_below_transactional_id: StrBytes,
    /// Producer id, from clients.
    #[field(until = 3)]
    pub v3_and_below_producer_id: i64,
    /// Epoch of the producer id, from clients.
    #[field(until = 3)]
    pub v3_and_below_producer_epoch: i16,
    /// Partitions to add, from clients.
    #[field(until = 3)]
    pub v3_and_below_topics: Vec<AddPartitionsToTxnTopic>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`AddPartitionsToTxnRequest::transactions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct AddPartitionsToTxnTransaction {
    /// Transactional id of the producer.
    pub transactional_id: StrBytes,
    /// Producer id.
    pub producer_id: i64,
    /// Epoch of the producer id.
    pub producer_epoch: i16,
    /// Whether to only check that the partitions are in the transaction (KIP-890).
    pub verify_only: bool,
    /// The topics.
    pub topics: Vec<AddPartitionsToTxnTopic>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`AddPartitionsToTxnTransaction::topics`] and
/// [`AddPartitionsToTxnRequest::v3_and_below_topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct AddPartitionsToTxnTopic {
    /// Name of the topic.
    pub name: StrBytes,
    /// The partitions.
    pub partitions: Vec<i32>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 24, versions = 0..=5, flexible = 3..)]
pub struct AddPartitionsToTxnResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// Error, 0 for none.
    #[field(since = 4, ignorable, counted = self.results_by_topic_v3_and_below.is_empty())]
    pub error_code: i16,
    /// Outcome per transaction, for brokers.
    #[field(since = 4)]
    pub results_by_transaction: Vec<AddPartitionsToTxnResult>,
    /// Outcome per topic, for clients.
    #[field(until = 3)]
    pub results_by_topic_v3_and_below: Vec<AddPartitionsToTxnTopicResult>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`AddPartitionsToTxnResponse::results_by_transaction`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct AddPartitionsToTxnResult {
    /// Transactional id of the producer.
    pub transactional_id: StrBytes,
    /// Outcome per topic.
    pub topic_results: Vec<AddPartitionsToTxnTopicResult>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`AddPartitionsToTxnResult::topic_results`] and
/// [`AddPartitionsToTxnResponse::results_by_topic_v3_and_below`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct AddPartitionsToTxnTopicResult {
    /// Name of the topic.
    pub name: StrBytes,
    /// Outcome per partition.
    pub results_by_partition: Vec<AddPartitionsToTxnPartitionResult>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`AddPartitionsToTxnTopicResult::results_by_partition`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct AddPartitionsToTxnPartitionResult {
    /// Number of the partition within the topic.
    pub partition_index: i32,
    /// Error, 0 for none.
    pub partition_error_code: i16,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
