//! ShareGroupMetadata (type 11): a share group's epoch (KIP-932).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The key.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 11, versions = 0, flexible = none)]
pub struct ShareGroupMetadataKey {
    /// Id of the group.
    pub group_id: StrBytes,
}

/// The value.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 11, versions = 0, flexible = 0..)]
pub struct ShareGroupMetadataValue {
    /// Epoch.
    pub epoch: i32,
    /// Hash over the metadata of the subscribed topics: a change asks for a new assignment
    /// (KIP-1101).
    pub metadata_hash: i64,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
