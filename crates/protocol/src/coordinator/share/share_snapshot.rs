//! ShareSnapshot (type 0): the whole state of a share partition (KIP-932). Tagged count of completed
//! deliveries since 4.2 (KIP-1226).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

/// The key.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 0, versions = 0, flexible = none)]
pub struct ShareSnapshotKey {
    /// Id of the group.
    pub group_id: StrBytes,
    /// Id of the topic.
    pub topic_id: Uuid,
    /// Number of the partition within the topic.
    pub partition: i32,
}

/// The value.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 0, versions = 0, flexible = 0..)]
pub struct ShareSnapshotValue {
    /// Number of the snapshot, one more than that before.
    pub snapshot_epoch: i32,
    /// Epoch of the share partition's state; fences outdated leaders.
    pub state_epoch: i32,
    /// Epoch of the leader.
    pub leader_epoch: i32,
    /// First offset that is not done with, -1 if unknown.
    pub start_offset: i64,
    /// How many offsets from the start offset on are done with; -1 if unknown.
    #[field(tag = 0, default = -1)]
    pub delivery_complete_count: i32,
    /// When the state was created, in ms since 1970.
    pub create_timestamp: i64,
    /// When the state was last written, in ms since 1970.
    pub write_timestamp: i64,
    /// Ranges of offsets and their state of delivery.
    pub state_batches: Vec<StateBatch>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ShareSnapshotValue::state_batches`].
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
