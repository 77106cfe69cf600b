//! InitProducerId (key 22): gives a producer its id and epoch, and ends what an earlier one left open
//! (KIP-98).
//!
//! * v2 flexible
//! * v3 goes on with a known id (KIP-360)
//! * v4 PRODUCER_FENCED
//! * v5 TRANSACTION_ABORTABLE (KIP-890)
//! * v6 two-phase commit (KIP-939), unstable

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 22, versions = 0..=6, flexible = 2.., listeners = [Broker], latest_unstable)]
pub struct InitProducerIdRequest {
    /// Transactional id; null for a producer that is only idempotent.
    pub transactional_id: Option<StrBytes>,
    /// How long a transaction may stay open before the coordinator aborts it, in ms.
    pub transaction_timeout_ms: i32,
    /// Producer id the client has and wants to go on with, -1 for a new one (KIP-360).
    #[field(since = 3, default = -1)]
    pub producer_id: i64,
    /// Epoch that belongs to `producer_id`; an outdated one is refused.
    #[field(since = 3, default = -1)]
    pub producer_epoch: i16,
    /// Whether the transaction is prepared and committed by an outside coordinator (KIP-939).
    #[field(since = 6)]
    pub enable2_pc: bool,
    /// Whether to keep a prepared transaction instead of aborting it (KIP-939).
    #[field(since = 6)]
    pub keep_prepared_txn: bool,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 22, versions = 0..=6, flexible = 2..)]
pub struct InitProducerIdResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    #[field(ignorable)]
    pub throttle_time_ms: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Producer id.
    #[field(default = -1)]
    pub producer_id: i64,
    /// Epoch of the producer id.
    pub producer_epoch: i16,
    /// Producer id of the prepared transaction that was kept, -1 for none.
    #[field(since = 6, default = -1)]
    pub ongoing_txn_producer_id: i64,
    /// Epoch of the prepared transaction that was kept, -1 for none.
    #[field(since = 6, default = -1)]
    pub ongoing_txn_producer_epoch: i16,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
