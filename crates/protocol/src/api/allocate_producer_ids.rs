//! AllocateProducerIds (key 67): hands a block of producer ids to a broker (KIP-730).

use crate::Message;
use crate::wire::RawTaggedField;

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 67, versions = 0, flexible = 0.., listeners = [Controller])]
pub struct AllocateProducerIdsRequest {
    /// Node id of the broker.
    pub broker_id: i32,
    /// Epoch of the broker's registration, which the controller gave it; -1 if it is not checked.
    #[field(default = -1)]
    pub broker_epoch: i64,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 67, versions = 0, flexible = 0..)]
pub struct AllocateProducerIdsResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// First id of the block.
    pub producer_id_start: i64,
    /// Number of ids in the block.
    pub producer_id_len: i32,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
