//! UserScramCredentialRecord (type 11): a SCRAM credential was set.

use bytes::Bytes;

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The record.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 11, versions = 0, flexible = 0..)]
pub struct UserScramCredentialRecord {
    /// Name of the user.
    pub name: StrBytes,
    /// SCRAM mechanism by number (1 SHA-256, 2 SHA-512), or name of the SASL mechanism.
    pub mechanism: i8,
    /// Salt of the SCRAM hash.
    pub salt: Bytes,
    /// Key by which the server checks the client.
    pub stored_key: Bytes,
    /// Key by which the server proves itself.
    pub server_key: Bytes,
    /// Iterations of the SCRAM hash.
    pub iterations: i32,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
