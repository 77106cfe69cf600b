//! The states of share partitions, as the records of `__share_group_state` say.

use super::batches::combine;
use super::record::{PlacedRecord, ShareRecord};
use super::request::{SharePartitionKey, StateBatch};
use klamm_protocol::coordinator::share::{ShareSnapshotValue, ShareUpdateValue};
use klamm_timeline::StateMachine;
use rpds::{RedBlackTreeMapSync, RedBlackTreeSetSync};
use std::sync::Arc;

/// In a leader epoch or start offset: the one before stays.
const UNCHANGED: i64 = -1;

/// A share partition's state.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SharePartitionState {
    /// The number of its last snapshot.
    pub(super) snapshot_epoch: i32,
    pub(super) state_epoch: i32,
    pub(super) leader_epoch: i32,
    pub(super) start_offset: i64,
    pub(super) delivery_complete_count: i32,
    pub(super) batches: Vec<StateBatch>,
    /// When it was made, or last written as a whole because there were enough updates.
    pub(super) created_ms: i64,
    /// When its last snapshot was written.
    pub(super) written_ms: i64,
    /// The highest that have been seen. They outlast an initialization, unlike `leader_epoch`.
    pub(super) state_epoch_max: i32,
    pub(super) leader_epoch_max: i32,
    /// Since the last snapshot that was due to their number.
    pub(super) updates: i32,
    /// Of the last snapshot; `None` if its record is lost.
    snapshot_offset: Option<i64>,
}

impl SharePartitionState {
    /// Nothing yet.
    const fn none() -> Self {
        Self {
            snapshot_epoch: 0,
            state_epoch: 0,
            leader_epoch: 0,
            start_offset: 0,
            delivery_complete_count: 0,
            batches: Vec::new(),
            created_ms: 0,
            written_ms: 0,
            state_epoch_max: i32::MIN,
            leader_epoch_max: i32::MIN,
            updates: 0,
            snapshot_offset: None,
        }
    }

    /// The record that holds all of it, as the next snapshot.
    pub(super) fn snapshot(&self, now_ms: i64) -> ShareSnapshotValue {
        ShareSnapshotValue {
            snapshot_epoch: self.snapshot_epoch.wrapping_add(1),
            state_epoch: self.state_epoch,
            leader_epoch: self.leader_epoch,
            start_offset: self.start_offset,
            delivery_complete_count: self.delivery_complete_count,
            create_timestamp: self.created_ms,
            write_timestamp: now_ms,
            state_batches: self.batches.iter().map(|batch| (*batch).into()).collect(),
            ..Default::default()
        }
    }

    fn replay_snapshot(&self, value: &ShareSnapshotValue, offset: i64, updates_per_snapshot: i32) -> Self {
        let is_due = self.updates >= updates_per_snapshot;
        Self {
            snapshot_epoch: value.snapshot_epoch,
            state_epoch: value.state_epoch,
            leader_epoch: value.leader_epoch,
            start_offset: value.start_offset,
            delivery_complete_count: value.delivery_complete_count,
            batches: value.state_batches.iter().map(Into::into).collect(),
            created_ms: value.create_timestamp,
            written_ms: value.write_timestamp,
            state_epoch_max: self.state_epoch_max.max(value.state_epoch),
            leader_epoch_max: self.leader_epoch_max.max(value.leader_epoch),
            updates: if is_due { 0 } else { self.updates },
            snapshot_offset: Some(offset),
        }
    }

    fn replay_update(&self, value: &ShareUpdateValue) -> Self {
        let start_offset =
            if value.start_offset == UNCHANGED { self.start_offset } else { value.start_offset };
        let leader_epoch =
            if i64::from(value.leader_epoch) == UNCHANGED { self.leader_epoch } else { value.leader_epoch };
        let newer = value.state_batches.iter().map(Into::into);
        Self {
            leader_epoch,
            start_offset,
            delivery_complete_count: value.delivery_complete_count,
            batches: combine(self.batches.iter().copied().chain(newer), start_offset),
            leader_epoch_max: self.leader_epoch_max.max(value.leader_epoch),
            updates: self.updates.saturating_add(1),
            ..self.clone()
        }
    }
}

/// The states of share partitions as written. Clones are cheap.
#[derive(Clone, Debug, PartialEq)]
pub struct ShareStates {
    updates_per_snapshot: i32,
    partitions: RedBlackTreeMapSync<SharePartitionKey, Arc<SharePartitionState>>,
    /// Where the last snapshots of all of them are.
    snapshot_offsets: RedBlackTreeSetSync<i64>,
    /// The lowest of them when a snapshot was last written.
    first_needed_offset: Option<i64>,
}

impl ShareStates {
    /// No states.
    pub fn new(updates_per_snapshot: i32) -> Self {
        Self {
            updates_per_snapshot,
            partitions: RedBlackTreeMapSync::new_sync(),
            snapshot_offsets: RedBlackTreeSetSync::new_sync(),
            first_needed_offset: None,
        }
    }

    /// How many share partitions have a state.
    pub fn len(&self) -> usize {
        self.partitions.size()
    }

    /// Whether no share partition has one.
    pub fn is_empty(&self) -> bool {
        self.partitions.is_empty()
    }

    /// No record before this offset is needed; `None` if nothing can be said or all of them are.
    pub fn first_needed_offset(&self) -> Option<i64> {
        self.first_needed_offset.filter(|offset| *offset > 0)
    }

    pub(super) const fn updates_per_snapshot(&self) -> i32 {
        self.updates_per_snapshot
    }

    pub(super) fn get(&self, key: &SharePartitionKey) -> Option<&SharePartitionState> {
        self.partitions.get(key).map(Arc::as_ref)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&SharePartitionKey, &SharePartitionState)> {
        self.partitions.iter().map(|(key, state)| (key, state.as_ref()))
    }

    fn insert(&mut self, key: &SharePartitionKey, state: SharePartitionState) {
        let known = self.partitions.get_key_value(key).map(|(known, _)| known.clone());
        // A key from a request is a slice of its frame.
        let key = known.unwrap_or_else(|| SharePartitionKey { group: key.group.detached(), ..*key });
        self.partitions.insert_mut(key, Arc::new(state));
    }

    /// Notes where the last snapshot of a share partition is.
    fn place(&mut self, before: Option<i64>, offset: i64) {
        if let Some(before) = before {
            self.snapshot_offsets.remove_mut(&before);
        }
        self.snapshot_offsets.insert_mut(offset);
        self.first_needed_offset = self.snapshot_offsets.first().copied();
    }
}

impl StateMachine for ShareStates {
    type Record = PlacedRecord;

    fn replay(&mut self, PlacedRecord { offset, record }: &PlacedRecord) {
        match record {
            ShareRecord::Snapshot { key, value: Some(value) } => {
                let before = self.get(key);
                let placed_before = before.and_then(|before| before.snapshot_offset);
                let state = before.unwrap_or(&SharePartitionState::none()).replay_snapshot(
                    value,
                    *offset,
                    self.updates_per_snapshot,
                );
                self.insert(key, state);
                self.place(placed_before, *offset);
            }
            ShareRecord::Snapshot { key, value: None } => {
                let before = self.get(key).and_then(|state| state.snapshot_offset);
                self.partitions.remove_mut(key);
                self.place(before, *offset);
                // Nothing that follows builds on it.
                self.snapshot_offsets.remove_mut(offset);
            }
            ShareRecord::Update { key, value } => {
                let state = match self.get(key) {
                    Some(before) => before.replay_update(value),
                    // Its snapshot is lost: what there is counts.
                    None => SharePartitionState {
                        snapshot_epoch: value.snapshot_epoch,
                        start_offset: value.start_offset,
                        leader_epoch: value.leader_epoch,
                        ..SharePartitionState::none().replay_update(value)
                    },
                };
                self.insert(key, state);
            }
        }
    }
}
