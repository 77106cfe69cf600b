//! RenewDelegationToken (key 39).

use bytes::Bytes;

use crate::Message;
use crate::wire::RawTaggedField;

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 39, versions = 1..=2, flexible = 2.., listeners = [Broker, Controller])]
pub struct RenewDelegationTokenRequest {
    pub hmac: Bytes,
    pub renew_period_ms: i64,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 39, versions = 1..=2, flexible = 2..)]
pub struct RenewDelegationTokenResponse {
    pub error_code: i16,
    pub expiry_timestamp_ms: i64,
    pub throttle_time_ms: i32,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
