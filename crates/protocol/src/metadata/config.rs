//! ConfigRecord (type 4).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 4, versions = 0, flexible = 0..)]
pub struct ConfigRecord {
    pub resource_type: i8,
    pub resource_name: StrBytes,
    pub name: StrBytes,
    pub value: Option<StrBytes>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
