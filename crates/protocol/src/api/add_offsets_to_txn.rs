//! AddOffsetsToTxn (key 25): adds a group's offsets to a transaction (KIP-98).
//!
//! * v2 PRODUCER_FENCED
//! * v3 flexible
//! * v4 TRANSACTION_ABORTABLE (KIP-890)

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 25, versions = 0..=4, flexible = 3.., listeners = [Broker])]
pub struct AddOffsetsToTxnRequest {
    /// Transactional id of the producer.
    pub transactional_id: StrBytes,
    /// Producer id.
    pub producer_id: i64,
    /// Epoch of the producer id.
    pub producer_epoch: i16,
    /// Id of the group.
    pub group_id: StrBytes,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 25, versions = 0..=4, flexible = 3..)]
pub struct AddOffsetsToTxnResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
