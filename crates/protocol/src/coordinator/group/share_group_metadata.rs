//! ShareGroupMetadata (type 11).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 11, versions = 0, flexible = none)]
pub struct ShareGroupMetadataKey {
    pub group_id: StrBytes,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 11, versions = 0, flexible = 0..)]
pub struct ShareGroupMetadataValue {
    pub epoch: i32,
    pub metadata_hash: i64,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
