//! LeaveGroup (key 13), v0-5, of a classic group.
//!
//! * v3 several members at once, static ones by their instance id (KIP-345)  * v5 a reason (KIP-800)

use super::{Classic, State};
use crate::effect::Step;
use crate::settings::GroupSettings;
use klamm_protocol::api::leave_group::{LeaveGroupRequest, MemberIdentity, MemberResponse};
use klamm_protocol::{ErrorCode, StrBytes};

impl Classic {
    /// Decides on a LeaveGroup to this group; one response for each member named.
    pub(crate) fn leave(
        &mut self,
        request: &LeaveGroupRequest,
        settings: &GroupSettings,
        step: &mut Step,
    ) -> Vec<MemberResponse> {
        let mut someone_left = false;
        let mut responses = Vec::with_capacity(request.members.len());
        for member in &request.members {
            let error = match self.leaving_member(member) {
                Ok(id) => {
                    self.remove(&id, step);
                    step.cancel_timer(self.heartbeat_key(&id));
                    someone_left = true;
                    ErrorCode::None
                }
                Err(error) => error,
            };
            responses.push(MemberResponse {
                member_id: member.member_id.clone(),
                group_instance_id: member.group_instance_id.clone(),
                error_code: error.code(),
                ..MemberResponse::default()
            });
        }
        match self.state {
            State::Stable | State::CompletingRebalance if someone_left => {
                self.prepare_rebalance(settings, step)
            }
            State::PreparingRebalance if someone_left => self.complete_join_if_possible(step),
            _ => {}
        }
        responses
    }

    /// An administrator removes static members by their instance id alone.
    fn leaving_member(&self, member: &MemberIdentity) -> Result<StrBytes, ErrorCode> {
        let instance = member.group_instance_id.as_ref();
        if member.member_id.is_empty() {
            let id = instance.and_then(|instance| self.static_members.get(instance));
            return id.cloned().ok_or(ErrorCode::UnknownMemberId);
        }
        if !self.pending_join.contains(&member.member_id) {
            self.check_member(&member.member_id, instance)?;
        }
        Ok(member.member_id.clone())
    }
}
