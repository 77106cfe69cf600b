//! SyncGroup (key 14), v0-5, of a classic group: the leader gives the assignments, the others wait for theirs.
//!
//! * v3 static members (KIP-345)  * v5 the protocol is named and checked (KIP-559)

use super::{Classic, State, refuse_sync};
use crate::effect::{Continuation, Reply, Step};
use crate::record::GroupRecord;
use crate::token::Token;
use klamm_protocol::api::sync_group::{SyncGroupRequest, SyncGroupResponse};
use klamm_protocol::{ErrorCode, StrBytes};
use std::collections::BTreeMap;

impl Classic {
    /// Decides on a SyncGroup to this group.
    pub(crate) fn sync(&mut self, request: &SyncGroupRequest, token: Token, step: &mut Step) {
        if let Err(error) = self.check_sync(request) {
            return step.complete(token, refuse_sync(error));
        }
        let id = &request.member_id;
        match self.state {
            State::Empty => step.complete(token, refuse_sync(ErrorCode::UnknownMemberId)),
            State::PreparingRebalance => step.complete(token, refuse_sync(ErrorCode::RebalanceInProgress)),
            State::CompletingRebalance => {
                self.note_sync_of(id, step);
                if let Some(member) = self.members.get_mut(id)
                    && let Some(old) = member.awaiting_sync.replace(token)
                {
                    step.complete(old, refuse_sync(ErrorCode::RebalanceInProgress));
                }
                if self.is_leader(id) {
                    self.write_assignment(request, step);
                }
            }
            State::Stable => {
                self.note_sync_of(id, step);
                let assignment = self.members.get(id).map(|member| member.assignment.clone());
                let response = SyncGroupResponse {
                    protocol_type: self.protocol_type.clone(),
                    protocol_name: self.protocol_name.clone(),
                    assignment: assignment.unwrap_or_default(),
                    ..SyncGroupResponse::default()
                };
                step.complete(token, Reply::SyncGroup(response));
            }
        }
    }

    fn check_sync(&self, request: &SyncGroupRequest) -> Result<(), ErrorCode> {
        let differs = |ours: Option<&StrBytes>, theirs: Option<&StrBytes>| {
            ours.zip(theirs).is_some_and(|(ours, theirs)| ours != theirs)
        };
        self.check_member(&request.member_id, request.group_instance_id.as_ref())?;
        if request.generation_id != self.generation {
            Err(ErrorCode::IllegalGeneration)
        } else if differs(self.protocol_type.as_ref(), request.protocol_type.as_ref())
            || differs(self.protocol_name.as_ref(), request.protocol_name.as_ref())
        {
            Err(ErrorCode::InconsistentGroupProtocol)
        } else {
            Ok(())
        }
    }

    fn note_sync_of(&mut self, member: &StrBytes, step: &mut Step) {
        self.pending_sync.remove(member);
        if self.pending_sync.is_empty() {
            step.cancel_timer(self.sync_key());
        }
    }

    /// The group becomes stable when the record is committed. Who is not in the leader's list gets nothing.
    fn write_assignment(&self, request: &SyncGroupRequest, step: &mut Step) {
        let mut assignments: BTreeMap<_, _> = request
            .assignments
            .iter()
            .map(|assignment| (assignment.member_id.clone(), assignment.assignment.clone()))
            .collect();
        assignments.retain(|member, _| self.members.contains_key(member));
        step.record(GroupRecord::group_metadata(self.id.clone(), self.to_record(&assignments)));
        step.then(Continuation::Assignment {
            group: self.id.clone(),
            generation: self.generation,
            assignments,
        });
    }
}
