//! Heartbeat (key 12), v0-4, of a classic group: keeps a member's session alive and tells it of a rebalance.

use super::{Classic, State};
use crate::effect::Step;
use klamm_protocol::ErrorCode;
use klamm_protocol::api::heartbeat::HeartbeatRequest;

impl Classic {
    /// Decides on a Heartbeat to this group.
    pub(crate) fn heartbeat(&self, request: &HeartbeatRequest, step: &mut Step) -> Result<(), ErrorCode> {
        self.check_member(&request.member_id, request.group_instance_id.as_ref())?;
        if request.generation_id != self.generation {
            return Err(ErrorCode::IllegalGeneration);
        }
        if let Some(member) = self.members.get(&request.member_id) {
            self.set_heartbeat_timer(member, step);
        }
        match self.state {
            State::Empty => Err(ErrorCode::UnknownMemberId),
            State::PreparingRebalance => Err(ErrorCode::RebalanceInProgress),
            State::CompletingRebalance | State::Stable => Ok(()),
        }
    }
}
