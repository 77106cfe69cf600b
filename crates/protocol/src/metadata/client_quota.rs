//! ClientQuotaRecord (type 14).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 14, versions = 0, flexible = 0..)]
pub struct ClientQuotaRecord {
    pub entity: Vec<EntityData>,
    pub key: StrBytes,
    pub value: f64,
    pub remove: bool,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct EntityData {
    pub entity_type: StrBytes,
    pub entity_name: Option<StrBytes>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
