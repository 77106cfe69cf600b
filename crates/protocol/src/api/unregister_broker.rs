//! UnregisterBroker (key 64).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 64, versions = 0, flexible = 0.., listeners = [Broker, Controller])]
pub struct UnregisterBrokerRequest {
    pub broker_id: i32,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 64, versions = 0, flexible = 0..)]
pub struct UnregisterBrokerResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub error_message: Option<StrBytes>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
