//! ConsumerGroupTargetAssignmentMetadata (type 6): the epoch of a consumer group's target assignment
//! (KIP-848).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The key.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 6, versions = 0, flexible = none)]
pub struct ConsumerGroupTargetAssignmentMetadataKey {
    /// Id of the group.
    pub group_id: StrBytes,
}

/// The value.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 6, versions = 0, flexible = 0..)]
pub struct ConsumerGroupTargetAssignmentMetadataValue {
    /// Group epoch that the target assignment was made for.
    pub assignment_epoch: i32,
    /// When the assignment was computed, in ms since 1970.
    #[field(tag = 0, ignorable)]
    pub assignment_timestamp: i64,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
