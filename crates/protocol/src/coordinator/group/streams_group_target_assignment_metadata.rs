//! StreamsGroupTargetAssignmentMetadata (type 20).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 20, versions = 0, flexible = none)]
pub struct StreamsGroupTargetAssignmentMetadataKey {
    pub group_id: StrBytes,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 20, versions = 0, flexible = 0..)]
pub struct StreamsGroupTargetAssignmentMetadataValue {
    pub assignment_epoch: i32,
    #[field(tag = 0, ignorable)]
    pub assignment_timestamp: i64,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
