//! RenewDelegationToken (key 39): extends a delegation token (KIP-48).
//!
//! * v2 flexible

use bytes::Bytes;

use crate::Message;
use crate::wire::RawTaggedField;

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 39, versions = 1..=2, flexible = 2.., listeners = [Broker, Controller])]
pub struct RenewDelegationTokenRequest {
    /// Secret of the token.
    pub hmac: Bytes,
    /// By how long to extend the token from now, in ms; -1 for the broker's default.
    pub renew_period_ms: i64,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 39, versions = 1..=2, flexible = 2..)]
pub struct RenewDelegationTokenResponse {
    /// Error, 0 for none.
    pub error_code: i16,
    /// When the token expires unless it is renewed, in ms since 1970.
    pub expiry_timestamp_ms: i64,
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
