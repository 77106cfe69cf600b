//! EndTxn (key 26): commits or aborts a transaction (KIP-98).
//!
//! * v2 PRODUCER_FENCED
//! * v3 flexible
//! * v4 TRANSACTION_ABORTABLE (KIP-890)
//! * v5 raises the epoch with every transaction (KIP-890)

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 26, versions = 0..=5, flexible = 3.., listeners = [Broker])]
pub struct EndTxnRequest {
    /// Transactional id of the producer.
    pub transactional_id: StrBytes,
    /// Producer id.
    pub producer_id: i64,
    /// Epoch of the producer id.
    pub producer_epoch: i16,
    /// True to commit, false to abort.
    pub committed: bool,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 26, versions = 0..=5, flexible = 3..)]
pub struct EndTxnResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Producer id for the next transaction (v5, KIP-890), -1 if unchanged.
    #[field(since = 5, default = -1, ignorable)]
    pub producer_id: i64,
    /// Epoch for the next transaction (v5, KIP-890), -1 if unchanged.
    #[field(since = 5, default = -1, ignorable)]
    pub producer_epoch: i16,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
