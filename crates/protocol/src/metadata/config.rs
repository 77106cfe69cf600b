//! ConfigRecord (type 4): a config of a resource was set, or removed by a null value.

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The record.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 4, versions = 0, flexible = 0..)]
pub struct ConfigRecord {
    /// 2 topic, 4 broker, 16 client metrics, 32 group.
    pub resource_type: i8,
    /// Name of the resource.
    pub resource_name: StrBytes,
    /// Name of the config.
    pub name: StrBytes,
    /// Value; null removes the entry.
    pub value: Option<StrBytes>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
