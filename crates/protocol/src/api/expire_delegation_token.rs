//! ExpireDelegationToken (key 40): changes when a delegation token expires, or ends it (KIP-48).
//!
//! * v2 flexible

use bytes::Bytes;

use crate::Message;
use crate::wire::RawTaggedField;

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 40, versions = 1..=2, flexible = 2.., listeners = [Broker, Controller])]
pub struct ExpireDelegationTokenRequest {
    /// Secret of the token.
    pub hmac: Bytes,
    /// How long the token stays valid, in ms; negative to end it now.
    pub expiry_time_period_ms: i64,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 40, versions = 1..=2, flexible = 2..)]
pub struct ExpireDelegationTokenResponse {
    /// Error, 0 for none.
    pub error_code: i16,
    /// When the token expires unless it is renewed, in ms since 1970.
    pub expiry_timestamp_ms: i64,
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
