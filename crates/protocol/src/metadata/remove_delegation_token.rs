//! RemoveDelegationTokenRecord (type 26): a delegation token was removed.

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The record.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 26, versions = 0, flexible = 0..)]
pub struct RemoveDelegationTokenRecord {
    /// Id of the token.
    pub token_id: StrBytes,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
