//! Leaving a consumer group: by ConsumerGroupHeartbeat with an epoch of -1, or -2 for static members that are to come
//! back, or by LeaveGroup, as administrators do.

use super::decide::Draft;
use super::heartbeat::fenced_instance;
use super::member::Member;
use crate::group::member_epoch::LEFT_FOR_A_WHILE;
use crate::group::refusal::Refusal;
use crate::record::ConsumerRecord;
use klamm_protocol::api::consumer_group_heartbeat::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
};
use klamm_protocol::api::leave_group::{LeaveGroupRequest, MemberIdentity, MemberResponse};
use klamm_protocol::{ErrorCode, StrBytes};

impl Draft<'_> {
    pub(super) fn leave(
        &mut self,
        request: &ConsumerGroupHeartbeatRequest,
    ) -> Result<ConsumerGroupHeartbeatResponse, Refusal> {
        let id = self.leaving_member(&request.member_id, request.instance_id.as_ref())?;
        match self.group.member(&id) {
            Some(member) if request.member_epoch == LEFT_FOR_A_WHILE => {
                let mut left = Member::clone(member);
                left.epoch = LEFT_FOR_A_WHILE;
                left.pending_revocation.clear();
                // Its successor has them from the start.
                left.assigned
                    .values_mut()
                    .flat_map(|indexes| indexes.values_mut())
                    .for_each(|epoch| *epoch = 0);
                self.write(ConsumerRecord::CurrentMember(id.clone(), Some(left.to_assignment())));
            }
            _ => self.remove(std::slice::from_ref(&id)),
        }
        Ok(ConsumerGroupHeartbeatResponse {
            member_id: Some(id),
            member_epoch: request.member_epoch,
            ..Default::default()
        })
    }

    fn leaving_member(&self, id: &StrBytes, instance: Option<&StrBytes>) -> Result<StrBytes, Refusal> {
        match instance {
            None if self.group.member(id).is_some() => Ok(id.clone()),
            None => Err(self.unknown_member(id)),
            Some(instance) => match self.group.static_member(instance) {
                None => Err(Refusal::new(
                    ErrorCode::UnknownMemberId,
                    format!("Instance id {instance} is unknown."),
                )),
                Some((holder, _)) if holder != id => Err(fenced_instance(id, instance, holder)),
                Some((holder, _)) => Ok(holder.clone()),
            },
        }
    }

    /// LeaveGroup; one response for each member named.
    pub(crate) fn leave_group(&mut self, request: &LeaveGroupRequest) -> Vec<MemberResponse> {
        let mut leaving = Vec::new();
        let mut responses = Vec::with_capacity(request.members.len());
        for member in &request.members {
            let error = match self.named_member(member) {
                Ok(id) => {
                    leaving.push(id);
                    ErrorCode::None
                }
                Err(refusal) => refusal.code,
            };
            responses.push(MemberResponse {
                member_id: member.member_id.clone(),
                group_instance_id: member.group_instance_id.clone(),
                error_code: error.code(),
                ..Default::default()
            });
        }
        leaving.sort();
        leaving.dedup();
        if !leaving.is_empty() {
            self.remove(&leaving);
        }
        responses
    }

    /// An administrator names static members by their instance id alone.
    fn named_member(&self, member: &MemberIdentity) -> Result<StrBytes, Refusal> {
        let holder =
            member.group_instance_id.as_ref().and_then(|instance| self.group.static_member(instance));
        match holder {
            Some((holder, _)) if member.member_id.is_empty() => Ok(holder.clone()),
            _ => self.leaving_member(&member.member_id, member.group_instance_id.as_ref()),
        }
    }
}
