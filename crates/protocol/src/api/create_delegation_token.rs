//! CreateDelegationToken (key 38): creates a delegation token (KIP-48).
//!
//! * v2 flexible
//! * v3 for another owner (KIP-373)

use bytes::Bytes;

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 38, versions = 1..=3, flexible = 2.., listeners = [Broker, Controller])]
pub struct CreateDelegationTokenRequest {
    /// Type of the owner; null for the asker.
    #[field(since = 3)]
    pub owner_principal_type: Option<StrBytes>,
    /// Name of the owner; null for the asker.
    #[field(since = 3)]
    pub owner_principal_name: Option<StrBytes>,
    /// Principals that may renew the token.
    pub renewers: Vec<CreatableRenewers>,
    /// How long the token may be renewed at most, in ms; -1 for the broker's limit.
    pub max_lifetime_ms: i64,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`CreateDelegationTokenRequest::renewers`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct CreatableRenewers {
    /// Type of the principal, mostly `User`.
    pub principal_type: StrBytes,
    /// Name of the principal.
    pub principal_name: StrBytes,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 38, versions = 1..=3, flexible = 2..)]
pub struct CreateDelegationTokenResponse {
    /// Error, 0 for none.
    pub error_code: i16,
    /// Type of the principal, mostly `User`.
    pub principal_type: StrBytes,
    /// Name of the principal.
    pub principal_name: StrBytes,
    /// Type of the one who asked for the token.
    #[field(since = 3)]
    pub token_requester_principal_type: StrBytes,
    /// Name of the one who asked for the token.
    #[field(since = 3)]
    pub token_requester_principal_name: StrBytes,
    /// When the token was made, in ms since 1970.
    pub issue_timestamp_ms: i64,
    /// When the token expires unless it is renewed, in ms since 1970.
    pub expiry_timestamp_ms: i64,
    /// Latest time: of a token's renewals, or of the records of a segment; in ms since 1970.
    pub max_timestamp_ms: i64,
    /// Id of the token.
    pub token_id: StrBytes,
    /// Secret of the token.
    pub hmac: Bytes,
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
