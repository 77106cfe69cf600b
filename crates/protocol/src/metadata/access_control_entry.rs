//! AccessControlEntryRecord (type 18).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 18, versions = 0, flexible = 0..)]
pub struct AccessControlEntryRecord {
    pub id: Uuid,
    pub resource_type: i8,
    pub resource_name: StrBytes,
    pub pattern_type: i8,
    pub principal: StrBytes,
    pub host: StrBytes,
    pub operation: i8,
    pub permission_type: i8,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
