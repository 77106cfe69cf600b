//! ConsumerGroupMetadata (type 3).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 3, versions = 0, flexible = none)]
pub struct ConsumerGroupMetadataKey {
    pub group_id: StrBytes,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 3, versions = 0, flexible = 0..)]
pub struct ConsumerGroupMetadataValue {
    pub epoch: i32,
    #[field(tag = 0)]
    pub metadata_hash: i64,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
