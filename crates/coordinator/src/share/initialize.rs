//! InitializeShareGroupState (key 83): gives a share partition a new state, whatever it had.
//!
//! Unless it has one that says where the group is, and is asked for one without a start offset: the group's coordinator
//! does not know of the state, since it was not told that making it, or altering the group's offsets, had succeeded, or it
//! asks again because an answer was lost or late. Kafka makes a new state then, and forgets the offset that an administrator
//! has set, and what members have consumed since. Of the same epoch, all of it stays as it is; otherwise the epoch rises.
//!
//! With a start offset it counts each time, since an administrator may alter a group's offsets several times in one epoch.
//! And so it does if no epoch is named (-1): in that way an administrator has a group begin where it is configured to. The
//! epoch stays.

use super::request::{InitialState, SharePartitionKey, ShareStateContext, ShareStateReply};
use super::{Decided, ShareCoordinator, ShareRecord, check_epoch, check_partition};
use klamm_protocol::ErrorCode;
use klamm_protocol::coordinator::share::ShareSnapshotValue;

/// A start offset that the leader is to find out.
const UNINITIALIZED_START_OFFSET: i64 = -1;

/// Epochs are not compared.
const NO_EPOCH: i32 = -1;

impl ShareCoordinator {
    pub(super) fn initialize(
        &self,
        context: ShareStateContext,
        key: &SharePartitionKey,
        initial: InitialState,
    ) -> Decided {
        check_partition(key)?;
        let before = self.get(key);
        if let Some(before) = before {
            check_epoch(before.state_epoch_max, initial.state_epoch, ErrorCode::FencedStateEpoch)?;
        }
        context.check_exists(key)?;
        // How far deliveries lag behind can only be told from a start offset that is known (KIP-1226).
        let is_unknown = initial.start_offset == UNINITIALIZED_START_OFFSET;
        let anew = ShareSnapshotValue {
            snapshot_epoch: before.map_or(0, |before| before.snapshot_epoch.wrapping_add(1)),
            state_epoch: initial.state_epoch,
            leader_epoch: 0,
            start_offset: initial.start_offset,
            delivery_complete_count: if is_unknown { -1 } else { 0 },
            create_timestamp: context.now_ms,
            write_timestamp: context.now_ms,
            ..Default::default()
        };
        if let Some(before) = before.filter(|_| is_unknown) {
            if initial.state_epoch == NO_EPOCH {
                let value = ShareSnapshotValue { state_epoch: before.state_epoch, ..anew };
                return Ok((Some(ShareRecord::snapshot(key, value)), ShareStateReply::Done(Ok(()))));
            }
            if initial.state_epoch == before.state_epoch {
                return Ok((None, ShareStateReply::Done(Ok(()))));
            }
            if before.start_offset != UNINITIALIZED_START_OFFSET {
                let state_epoch = before.state_epoch.max(initial.state_epoch);
                let value = ShareSnapshotValue { state_epoch, ..before.snapshot(context.now_ms) };
                return Ok((Some(ShareRecord::snapshot(key, value)), ShareStateReply::Done(Ok(()))));
            }
        }
        Ok((Some(ShareRecord::snapshot(key, anew)), ShareStateReply::Done(Ok(()))))
    }
}
