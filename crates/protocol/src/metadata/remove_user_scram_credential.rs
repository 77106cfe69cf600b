//! RemoveUserScramCredentialRecord (type 22): a SCRAM credential was removed.

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The record.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 22, versions = 0, flexible = 0..)]
pub struct RemoveUserScramCredentialRecord {
    /// Name of the user.
    pub name: StrBytes,
    /// SCRAM mechanism by number (1 SHA-256, 2 SHA-512), or name of the SASL mechanism.
    pub mechanism: i8,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
