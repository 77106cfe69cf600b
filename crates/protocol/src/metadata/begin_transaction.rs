//! BeginTransactionRecord (type 23).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 23, versions = 0, flexible = 0..)]
pub struct BeginTransactionRecord {
    #[field(tag = 0, default = null)]
    pub name: Option<StrBytes>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
