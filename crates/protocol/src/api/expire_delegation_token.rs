//! ExpireDelegationToken (key 40).

use bytes::Bytes;

use crate::Message;
use crate::wire::RawTaggedField;

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 40, versions = 1..=2, flexible = 2.., listeners = [Broker, Controller])]
pub struct ExpireDelegationTokenRequest {
    pub hmac: Bytes,
    pub expiry_time_period_ms: i64,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 40, versions = 1..=2, flexible = 2..)]
pub struct ExpireDelegationTokenResponse {
    pub error_code: i16,
    pub expiry_timestamp_ms: i64,
    pub throttle_time_ms: i32,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
