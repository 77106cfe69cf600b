//! InitializeShareGroupState (key 83): gives a share partition a new state, whatever it had.
//!
//! Unless it has one of the same epoch and is asked for one without a start offset: then the request has come before, and
//! its answer was lost or late. Members may have consumed since, which Kafka forgets. With a start offset it counts each
//! time, since an administrator may alter a group's offsets several times in one epoch.

use super::request::{InitialState, SharePartitionKey, ShareStateContext, ShareStateReply};
use super::{Decided, ShareCoordinator, ShareRecord, check_epoch, check_partition};
use klamm_protocol::ErrorCode;
use klamm_protocol::coordinator::share::ShareSnapshotValue;

/// A start offset that the leader is to find out.
const UNINITIALIZED_START_OFFSET: i64 = -1;

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
        let is_same_epoch = before.is_some_and(|before| before.state_epoch == initial.state_epoch);
        if is_unknown && is_same_epoch && initial.state_epoch != -1 {
            return Ok((None, ShareStateReply::Done(Ok(()))));
        }
        let value = ShareSnapshotValue {
            snapshot_epoch: before.map_or(0, |before| before.snapshot_epoch.wrapping_add(1)),
            state_epoch: initial.state_epoch,
            leader_epoch: 0,
            start_offset: initial.start_offset,
            delivery_complete_count: if is_unknown { -1 } else { 0 },
            create_timestamp: context.now_ms,
            write_timestamp: context.now_ms,
            ..Default::default()
        };
        Ok((Some(ShareRecord::snapshot(key, value)), ShareStateReply::Done(Ok(()))))
    }
}
