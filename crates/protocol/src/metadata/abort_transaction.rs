//! AbortTransactionRecord (type 25).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 25, versions = 0, flexible = 0..)]
pub struct AbortTransactionRecord {
    #[field(tag = 0, default = null)]
    pub reason: Option<StrBytes>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
