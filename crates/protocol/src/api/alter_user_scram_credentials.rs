//! AlterUserScramCredentials (key 51): sets and removes SCRAM credentials (KIP-554).

use bytes::Bytes;

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 51, versions = 0, flexible = 0.., listeners = [Broker, Controller])]
pub struct AlterUserScramCredentialsRequest {
    /// Credentials to remove.
    pub deletions: Vec<ScramCredentialDeletion>,
    /// Credentials to set.
    pub upsertions: Vec<ScramCredentialUpsertion>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`AlterUserScramCredentialsRequest::deletions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct ScramCredentialDeletion {
    /// Name of the user.
    pub name: StrBytes,
    /// SCRAM mechanism by number (1 SHA-256, 2 SHA-512), or name of the SASL mechanism.
    pub mechanism: i8,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`AlterUserScramCredentialsRequest::upsertions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct ScramCredentialUpsertion {
    /// Name of the user.
    pub name: StrBytes,
    /// SCRAM mechanism by number (1 SHA-256, 2 SHA-512), or name of the SASL mechanism.
    pub mechanism: i8,
    /// Iterations of the SCRAM hash.
    pub iterations: i32,
    /// Salt of the SCRAM hash.
    pub salt: Bytes,
    /// Password after salting and hashing, so that it never travels in plain.
    pub salted_password: Bytes,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 51, versions = 0, flexible = 0..)]
pub struct AlterUserScramCredentialsResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// Outcome, one per item of the request.
    pub results: Vec<AlterUserScramCredentialsResult>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`AlterUserScramCredentialsResponse::results`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct AlterUserScramCredentialsResult {
    /// Name of the user.
    pub user: StrBytes,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Text for the error; null if there is none.
    pub error_message: Option<StrBytes>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
