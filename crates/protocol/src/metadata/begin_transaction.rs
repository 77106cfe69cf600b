//! BeginTransactionRecord (type 23): a group of records begins that counts as a whole or not at all
//! (KIP-868).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The record.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 23, versions = 0, flexible = 0..)]
pub struct BeginTransactionRecord {
    /// What the group of records is for, in words.
    #[field(tag = 0, default = null)]
    pub name: Option<StrBytes>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
