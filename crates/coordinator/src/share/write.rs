//! WriteShareGroupState (key 85): takes what has changed of a share partition's state, as its leader says.

use super::batches::combine;
use super::request::{SharePartitionKey, ShareStateContext, ShareStateReply, StateRefusal, StateWrite};
use super::state::SharePartitionState;
use super::{Decided, ShareCoordinator, ShareRecord, check_epoch, check_partition};
use klamm_protocol::ErrorCode;
use klamm_protocol::coordinator::share::{ShareSnapshotValue, ShareUpdateValue};

impl ShareCoordinator {
    pub(super) fn write(
        &self,
        context: ShareStateContext,
        key: &SharePartitionKey,
        write: &StateWrite,
    ) -> Decided {
        check_partition(key)?;
        let Some(state) = self.get(key) else {
            return Err(StateRefusal::invalid(
                "Write operation on uninitialized share partition not allowed.",
            ));
        };
        check_epoch(state.leader_epoch_max, write.leader_epoch, ErrorCode::FencedLeaderEpoch)?;
        check_epoch(state.state_epoch_max, write.state_epoch, ErrorCode::FencedStateEpoch)?;
        // Which epochs there have been is forgotten with a state that is deleted, and the group that comes after begins with
        // low ones: what is still written of the one before is of a later epoch. Kafka takes it.
        let is_other = state.state_epoch != -1 && write.state_epoch != state.state_epoch;
        if write.state_epoch != -1 && is_other {
            return Err(ErrorCode::FencedStateEpoch.into());
        }
        context.check_exists(key)?;
        // Kafka takes such a batch, and then does not come to an end with it.
        if write.state_batches.iter().any(|batch| batch.first_offset > batch.last_offset) {
            return Err(StateRefusal::invalid("A state batch ends before it begins."));
        }
        let record = if write.start_offset != -1 && write.start_offset < state.start_offset {
            // A later write has overtaken it, as over another connection. Kafka goes back, and has forgotten what lies between.
            let late = StateWrite {
                start_offset: state.start_offset,
                delivery_complete_count: state.delivery_complete_count,
                ..write.clone()
            };
            self.state_record(context, key, state, state.leader_epoch, &late)
        } else {
            self.state_record(context, key, state, state.leader_epoch, write)
        };
        Ok((Some(record), ShareStateReply::Done(Ok(()))))
    }

    /// An update of a state, or, if there have been enough of them, a snapshot with the update in it.
    pub(super) fn state_record(
        &self,
        context: ShareStateContext,
        key: &SharePartitionKey,
        state: &SharePartitionState,
        leader_epoch: i32,
        write: &StateWrite,
    ) -> ShareRecord {
        let newer = write.state_batches.iter().copied();
        if state.updates < self.state().updates_per_snapshot() {
            return ShareRecord::update(
                key,
                ShareUpdateValue {
                    snapshot_epoch: state.snapshot_epoch,
                    leader_epoch,
                    start_offset: write.start_offset,
                    delivery_complete_count: write.delivery_complete_count,
                    state_batches: combine(newer, write.start_offset).into_iter().map(Into::into).collect(),
                    ..Default::default()
                },
            );
        }
        let start_offset = if write.start_offset == -1 { state.start_offset } else { write.start_offset };
        let batches = combine(state.batches.iter().copied().chain(newer), start_offset);
        let value = ShareSnapshotValue {
            snapshot_epoch: state.snapshot_epoch.wrapping_add(1),
            state_epoch: state.state_epoch,
            leader_epoch,
            start_offset,
            delivery_complete_count: write.delivery_complete_count,
            create_timestamp: context.now_ms,
            write_timestamp: context.now_ms,
            state_batches: batches.into_iter().map(Into::into).collect(),
            ..Default::default()
        };
        ShareRecord::snapshot(key, value)
    }
}
