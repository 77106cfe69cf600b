//! ClientQuotaRecord (type 14): a client quota was set or removed.

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The record.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 14, versions = 0, flexible = 0..)]
pub struct ClientQuotaRecord {
    /// Parts of the quota entity, such as a user and a client id.
    pub entity: Vec<EntityData>,
    /// Name of the quota, such as `producer_byte_rate`.
    pub key: StrBytes,
    /// Value to set.
    pub value: f64,
    /// Whether the quota is removed.
    pub remove: bool,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ClientQuotaRecord::entity`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct EntityData {
    /// `user`, `client-id` or `ip`.
    pub entity_type: StrBytes,
    /// Name of the entity; null for the default of its type.
    pub entity_name: Option<StrBytes>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
