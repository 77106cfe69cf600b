//! ConsumerGroupTargetAssignmentMetadata (type 6).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 6, versions = 0, flexible = none)]
pub struct ConsumerGroupTargetAssignmentMetadataKey {
    pub group_id: StrBytes,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 6, versions = 0, flexible = 0..)]
pub struct ConsumerGroupTargetAssignmentMetadataValue {
    pub assignment_epoch: i32,
    #[field(tag = 0, ignorable)]
    pub assignment_timestamp: i64,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
