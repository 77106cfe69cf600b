//! ReadShareGroupState (key 84), by which a leader takes over, and ReadShareGroupStateSummary (key 87).

use super::request::{
    SharePartitionKey, ShareState, ShareStateContext, ShareStateReply, StateRefusal, StateSummary, StateWrite,
};
use super::{Decided, ShareCoordinator, check_epoch, check_partition};
use klamm_protocol::ErrorCode;

/// Of a share partition without a state.
const NO_STATE: StateSummary =
    StateSummary { state_epoch: 0, leader_epoch: 0, start_offset: -1, delivery_complete_count: -1 };

impl ShareCoordinator {
    pub(super) fn read(
        &self,
        context: ShareStateContext,
        key: &SharePartitionKey,
        leader_epoch: i32,
    ) -> Decided {
        check_partition(key)?;
        let Some(state) = self.get(key) else {
            return Err(StateRefusal::invalid(
                "Read operation on uninitialized share partition not allowed.",
            ));
        };
        check_epoch(state.leader_epoch_max, leader_epoch, ErrorCode::FencedLeaderEpoch)?;
        context.check_exists(key)?;
        let reply = ShareStateReply::State(Ok(ShareState {
            state_epoch: state.state_epoch,
            start_offset: state.start_offset,
            state_batches: state.batches.clone(),
        }));
        if leader_epoch == -1 || leader_epoch == state.leader_epoch_max {
            return Ok((None, reply));
        }
        // From here on the leaders before are fenced.
        let write = StateWrite {
            state_epoch: state.state_epoch,
            leader_epoch,
            start_offset: state.start_offset,
            delivery_complete_count: state.delivery_complete_count,
            state_batches: Vec::new(),
        };
        Ok((Some(self.state_record(context, key, state, leader_epoch, &write)), reply))
    }

    pub(super) fn read_summary(&self, context: ShareStateContext, key: &SharePartitionKey) -> Decided {
        check_partition(key)?;
        context.check_exists(key)?;
        let summary = self.get(key).map_or(NO_STATE, |state| StateSummary {
            state_epoch: state.state_epoch,
            leader_epoch: state.leader_epoch,
            start_offset: state.start_offset,
            delivery_complete_count: state.delivery_complete_count,
        });
        Ok((None, ShareStateReply::Summary(Ok(summary))))
    }
}
