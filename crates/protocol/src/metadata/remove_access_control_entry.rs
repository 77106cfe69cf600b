//! RemoveAccessControlEntryRecord (type 19): an ACL binding was removed (KIP-801).

use crate::Message;
use crate::wire::{RawTaggedField, Uuid};

/// The record.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 19, versions = 0, flexible = 0..)]
pub struct RemoveAccessControlEntryRecord {
    /// Id.
    pub id: Uuid,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
