//! ShareUpdate (type 1): what changed of a share partition since its snapshot (KIP-932).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

/// The key.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 1, versions = 0, flexible = none)]
pub struct ShareUpdateKey {
    /// Id of the group.
    pub group_id: StrBytes,
    /// Id of the topic.
    pub topic_id: Uuid,
    /// Number of the partition within the topic.
    pub partition: i32,
}

/// The value.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 1, versions = 0, flexible = 0..)]
pub struct ShareUpdateValue {
    /// Number of the snapshot this update belongs to.
    pub snapshot_epoch: i32,
    /// Epoch of the leader.
    pub leader_epoch: i32,
    /// First offset that is not done with; -1 leaves it.
    pub start_offset: i64,
    /// How many offsets from the start offset on are done with; -1 if unknown.
    #[field(tag = 0, default = -1)]
    pub delivery_complete_count: i32,
    /// Ranges of offsets and their state of delivery.
    pub state_batches: Vec<StateBatch>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ShareUpdateValue::state_batches`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct StateBatch {
    /// First offset of the range, inclusive.
    pub first_offset: i64,
    /// Last offset of the range, inclusive.
    pub last_offset: i64,
    /// 0 available, 2 acknowledged, 4 archived.
    pub delivery_state: i8,
    /// How often the records have been delivered.
    pub delivery_count: i16,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
