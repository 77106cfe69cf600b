//! ListTransactions (key 66): lists the transactions a broker coordinates (KIP-664).
//!
//! * v1 by duration (KIP-994)
//! * v2 by pattern (KIP-1152)

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 66, versions = 0..=2, flexible = 0.., listeners = [Broker])]
pub struct ListTransactionsRequest {
    /// Only transactions in these states; empty for all.
    pub state_filters: Vec<StrBytes>,
    /// Only these producer ids; empty for all.
    pub producer_id_filters: Vec<i64>,
    /// Only transactions that have been running longer, in ms; negative for all.
    #[field(since = 1, default = -1)]
    pub duration_filter: i64,
    /// Regular expression of transactional ids, in RE2 syntax; null or empty for all.
    #[field(since = 2, default = null)]
    pub transactional_id_pattern: Option<StrBytes>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 66, versions = 0..=2, flexible = 0..)]
pub struct ListTransactionsResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// States of the filter that do not exist.
    pub unknown_state_filters: Vec<StrBytes>,
    /// The transactions.
    pub transaction_states: Vec<TransactionState>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ListTransactionsResponse::transaction_states`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct TransactionState {
    /// Transactional id of the producer.
    pub transactional_id: StrBytes,
    /// Producer id.
    pub producer_id: i64,
    /// State of the transaction, such as `Ongoing`.
    pub transaction_state: StrBytes,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
