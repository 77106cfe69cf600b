//! DescribeUserScramCredentials (key 50): lists which users have SCRAM credentials (KIP-554).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 50, versions = 0, flexible = 0.., listeners = [Broker, Controller])]
pub struct DescribeUserScramCredentialsRequest {
    /// Users to describe; null or empty for all.
    pub users: Option<Vec<UserName>>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`DescribeUserScramCredentialsRequest::users`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct UserName {
    /// Name of the user.
    pub name: StrBytes,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 50, versions = 0, flexible = 0..)]
pub struct DescribeUserScramCredentialsResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// Error, 0 for none.
    #[field(counted = false)]
    pub error_code: i16,
    /// Text for the error; null if there is none.
    pub error_message: Option<StrBytes>,
    /// Outcome, one per item of the request.
    pub results: Vec<DescribeUserScramCredentialsResult>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`DescribeUserScramCredentialsResponse::results`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribeUserScramCredentialsResult {
    /// Name of the user.
    pub user: StrBytes,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Text for the error; null if there is none.
    pub error_message: Option<StrBytes>,
    /// Mechanisms the user has credentials for.
    pub credential_infos: Vec<CredentialInfo>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`DescribeUserScramCredentialsResult::credential_infos`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct CredentialInfo {
    /// SCRAM mechanism by number (1 SHA-256, 2 SHA-512), or name of the SASL mechanism.
    pub mechanism: i8,
    /// Iterations of the SCRAM hash.
    pub iterations: i32,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
