//! DescribeTransactions (key 65): describes transactions by id (KIP-664).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 65, versions = 0, flexible = 0.., listeners = [Broker])]
pub struct DescribeTransactionsRequest {
    /// Transactional ids to describe.
    pub transactional_ids: Vec<StrBytes>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 65, versions = 0, flexible = 0..)]
pub struct DescribeTransactionsResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// The transactions.
    pub transaction_states: Vec<TransactionState>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`DescribeTransactionsResponse::transaction_states`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct TransactionState {
    /// Error, 0 for none.
    pub error_code: i16,
    /// Transactional id of the producer.
    pub transactional_id: StrBytes,
    /// State of the transaction, such as `Ongoing`.
    pub transaction_state: StrBytes,
    /// How long a transaction may stay open before the coordinator aborts it, in ms.
    pub transaction_timeout_ms: i32,
    /// When the transaction began, in ms since 1970; -1 if none is open.
    pub transaction_start_time_ms: i64,
    /// Producer id.
    pub producer_id: i64,
    /// Epoch of the producer id.
    pub producer_epoch: i16,
    /// The topics.
    pub topics: Vec<TopicData>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`TransactionState::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct TopicData {
    /// Name of the topic.
    pub topic: StrBytes,
    /// The partitions.
    pub partitions: Vec<i32>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
