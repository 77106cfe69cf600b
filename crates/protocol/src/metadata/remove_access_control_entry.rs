//! RemoveAccessControlEntryRecord (type 19).

use crate::Message;
use crate::wire::{RawTaggedField, Uuid};

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 19, versions = 0, flexible = 0..)]
pub struct RemoveAccessControlEntryRecord {
    pub id: Uuid,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
