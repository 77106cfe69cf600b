//! ClearElrRecord (type 28).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 28, versions = 0, flexible = 0..)]
pub struct ClearElrRecord {
    pub topic_name: StrBytes,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
