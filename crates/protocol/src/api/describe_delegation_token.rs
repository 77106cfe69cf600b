//! DescribeDelegationToken (key 41): lists delegation tokens (KIP-48).
//!
//! * v2 flexible
//! * v3 who asked for the token (KIP-373)

use bytes::Bytes;

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 41, versions = 1..=3, flexible = 2.., listeners = [Broker, Controller])]
pub struct DescribeDelegationTokenRequest {
    /// Whose tokens to show; null for all.
    pub owners: Option<Vec<DescribeDelegationTokenOwner>>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`DescribeDelegationTokenRequest::owners`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribeDelegationTokenOwner {
    /// Type of the principal, mostly `User`.
    pub principal_type: StrBytes,
    /// Name of the principal.
    pub principal_name: StrBytes,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 41, versions = 1..=3, flexible = 2..)]
pub struct DescribeDelegationTokenResponse {
    /// Error, 0 for none.
    pub error_code: i16,
    /// The tokens.
    pub tokens: Vec<DescribedDelegationToken>,
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`DescribeDelegationTokenResponse::tokens`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribedDelegationToken {
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
    pub issue_timestamp: i64,
    /// When the token expires unless it is renewed, in ms since 1970.
    pub expiry_timestamp: i64,
    /// When the token cannot be renewed any more, in ms since 1970.
    pub max_timestamp: i64,
    /// Id of the token.
    pub token_id: StrBytes,
    /// Secret of the token.
    pub hmac: Bytes,
    /// Principals that may renew the token.
    pub renewers: Vec<DescribedDelegationTokenRenewer>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`DescribedDelegationToken::renewers`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribedDelegationTokenRenewer {
    /// Type of the principal, mostly `User`.
    pub principal_type: StrBytes,
    /// Name of the principal.
    pub principal_name: StrBytes,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
