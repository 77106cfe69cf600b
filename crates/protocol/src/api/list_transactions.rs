//! ListTransactions (key 66).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 66, versions = 0..=2, flexible = 0.., listeners = [Broker])]
pub struct ListTransactionsRequest {
    pub state_filters: Vec<StrBytes>,
    pub producer_id_filters: Vec<i64>,
    #[field(since = 1, default = -1)]
    pub duration_filter: i64,
    #[field(since = 2, default = null)]
    pub transactional_id_pattern: Option<StrBytes>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 66, versions = 0..=2, flexible = 0..)]
pub struct ListTransactionsResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub unknown_state_filters: Vec<StrBytes>,
    pub transaction_states: Vec<TransactionState>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct TransactionState {
    pub transactional_id: StrBytes,
    pub producer_id: i64,
    pub transaction_state: StrBytes,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
