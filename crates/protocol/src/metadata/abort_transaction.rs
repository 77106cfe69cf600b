//! AbortTransactionRecord (type 25): the group of records is void (KIP-868).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The record.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 25, versions = 0, flexible = 0..)]
pub struct AbortTransactionRecord {
    /// Why the controller gave it up.
    #[field(tag = 0, default = null)]
    pub reason: Option<StrBytes>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
