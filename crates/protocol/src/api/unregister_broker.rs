//! UnregisterBroker (key 64): removes the registration of a broker (KIP-631).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 64, versions = 0, flexible = 0.., listeners = [Broker, Controller])]
pub struct UnregisterBrokerRequest {
    /// Node id of the broker.
    pub broker_id: i32,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 64, versions = 0, flexible = 0..)]
pub struct UnregisterBrokerResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// Error, 0 for none.
    #[field(counted = self.error_code != 0)]
    pub error_code: i16,
    /// Text for the error; null if there is none.
    pub error_message: Option<StrBytes>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
