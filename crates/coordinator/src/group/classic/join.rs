//! JoinGroup (key 11), v0-9, of a classic group.
//!
//! * v1 rebalance timeout  * v4 the member id is given first and joining needs it (KIP-394)
//! * v5 static members (KIP-345)  * v9 the leader may be told to skip the assignment (KIP-814)
//!
//! A granted JoinGroup is parked until the join phase of the rebalance is over.

use super::{Classic, Member, State, protocols_of, refuse_join};
use crate::effect::{Continuation, Reply, StaticMemberSwap, Step};
use crate::record::GroupRecord;
use crate::request::RequestContext;
use crate::settings::GroupSettings;
use crate::token::Token;
use bytes::Bytes;
use klamm_protocol::api::join_group::{JoinGroupRequest, JoinGroupResponse};
use klamm_protocol::{ErrorCode, StrBytes};
use std::collections::BTreeMap;

/// The first version in which a dynamic member has to come back with the id it is given.
const MEMBER_ID_REQUIRED_SINCE: i16 = 4;
/// The first version in which a leader may be told to skip the assignment.
const SKIP_ASSIGNMENT_SINCE: i16 = 9;

/// A JoinGroup on its way through the decisions below.
pub(crate) struct Join<'a> {
    pub(crate) context: &'a RequestContext,
    pub(crate) request: &'a JoinGroupRequest,
    pub(crate) token: Token,
    pub(crate) settings: &'a GroupSettings,
}

impl Join<'_> {
    fn refuse(&self, member: &str, error: ErrorCode, step: &mut Step) {
        step.complete(self.token, refuse_join(member, error));
    }

    fn protocols(&self) -> Vec<(StrBytes, Bytes)> {
        protocols_of(&self.request.protocols)
    }

    /// Version 0 has no rebalance timeout: the session timeout serves as one.
    fn rebalance_timeout_ms(&self) -> i32 {
        if self.context.api_version == 0 {
            self.request.session_timeout_ms
        } else {
            self.request.rebalance_timeout_ms
        }
    }
}

impl Classic {
    /// Decides on a JoinGroup to this group.
    pub(crate) fn join(&mut self, join: &Join<'_>, step: &mut Step) {
        let id = &join.request.member_id;
        if !self.has_room_for(id, join.settings) {
            self.remove(id, step);
            join.refuse("", ErrorCode::GroupMaxSizeReached, step);
        } else if !self.supports(&join.request.protocol_type, &join.protocols()) {
            join.refuse(id, ErrorCode::InconsistentGroupProtocol, step);
        } else if id.is_empty() {
            self.join_as_new(join, step);
        } else if self.pending_join.contains(id) {
            if join.request.group_instance_id.is_some() {
                // Only dynamic members are ever pending: the client has mixed up two members.
                join.refuse(id, ErrorCode::UnknownServerError, step);
            } else {
                self.add_member(join, id.clone(), step);
            }
        } else {
            self.rejoin(join, step);
        }
    }

    /// In the join phase it is the parked JoinGroups that are counted, so that after a lowering of the limit the
    /// last ones to rejoin are turned away.
    fn has_room_for(&self, id: &StrBytes, settings: &GroupSettings) -> bool {
        match self.state {
            State::Empty => true,
            State::PreparingRebalance => {
                self.parked_join(id).is_some() || self.awaiting_join_count < settings.classic_size_max
            }
            State::CompletingRebalance | State::Stable => {
                self.members.contains_key(id) || self.members.len() < settings.classic_size_max
            }
        }
    }

    fn join_as_new(&mut self, join: &Join<'_>, step: &mut Step) {
        let Some(instance) = &join.request.group_instance_id else {
            let id = join.context.new_member_id(&join.context.client_id);
            if join.context.api_version >= MEMBER_ID_REQUIRED_SINCE {
                self.pending_join.insert(id.clone());
                step.set_timer(self.heartbeat_key(&id), join.request.session_timeout_ms.into());
                join.refuse(&id, ErrorCode::MemberIdRequired, step);
            } else {
                self.add_member(join, id, step);
            }
            return;
        };
        let id = join.context.new_member_id(instance);
        match self.static_members.get(instance).cloned() {
            Some(old) => self.take_over_static_member(join, &old, id, step),
            None => self.add_member(join, id, step),
        }
    }

    fn add_member(&mut self, join: &Join<'_>, id: StrBytes, step: &mut Step) {
        if self.state == State::PreparingRebalance && self.previous_state == State::Empty {
            self.new_member_added = true;
        }
        let member = Member {
            id: id.clone(),
            instance: join.request.group_instance_id.clone(),
            client_id: join.context.client_id.clone(),
            client_host: join.context.client_host.clone(),
            rebalance_timeout_ms: join.rebalance_timeout_ms(),
            session_timeout_ms: join.request.session_timeout_ms,
            protocol_type: join.request.protocol_type.clone(),
            protocols: join.protocols(),
            assignment: Bytes::new(),
            awaiting_join: Some(join.token),
            awaiting_sync: None,
            is_new: true,
        };
        self.insert(member);
        // The new member does not know its id and sends no heartbeats; nor would we notice that its connection is
        // gone. So it has a limited time, after which it has to ask again.
        step.set_timer(self.heartbeat_key(&id), join.settings.classic_new_member_join_timeout_ms.into());
        self.rebalance_or_complete_join(join.settings, step);
    }

    fn rejoin(&mut self, join: &Join<'_>, step: &mut Step) {
        let id = &join.request.member_id;
        if let Err(error) = self.check_member(id, join.request.group_instance_id.as_ref()) {
            let response = JoinGroupResponse {
                error_code: error.code(),
                member_id: id.clone(),
                protocol_name: None,
                ..Default::default()
            };
            step.complete(join.token, Reply::JoinGroup(response));
            return;
        }
        let unchanged = self.members.get(id).is_some_and(|member| member.protocols == join.protocols());
        match self.state {
            // The answer to an earlier JoinGroup was lost.
            State::CompletingRebalance if unchanged => {
                let response = self.generation_for(id, self.is_leader(id));
                step.complete(join.token, Reply::JoinGroup(response));
            }
            State::Stable if unchanged && !self.is_leader(id) => {
                let response = self.generation_for(id, false);
                step.complete(join.token, Reply::JoinGroup(response));
            }
            // A leader that rejoins a stable group wants a new assignment, say since topics have changed.
            State::PreparingRebalance | State::CompletingRebalance | State::Stable => {
                self.update_member(
                    id,
                    join.protocols(),
                    join.rebalance_timeout_ms(),
                    join.request.session_timeout_ms,
                );
                self.park_join(id, join.token, step);
                self.rebalance_or_complete_join(join.settings, step);
            }
            State::Empty => join.refuse(id, ErrorCode::UnknownMemberId, step),
        }
    }

    /// A static member has restarted and joins without its id. In a stable group whose protocol stays the same it is
    /// given a new id and keeps its assignment, without a rebalance.
    fn take_over_static_member(&mut self, join: &Join<'_>, old: &StrBytes, new: StrBytes, step: &mut Step) {
        let Some(instance) = join.request.group_instance_id.clone() else { return };
        let Some(before) = self.members.get(old).cloned() else { return };
        let old_leader = self.leader.clone();
        self.replace_static_member(&instance, old, &new, step);
        self.update_member(
            &new,
            join.protocols(),
            join.rebalance_timeout_ms(),
            join.request.session_timeout_ms,
        );
        self.park_join(&new, join.token, step);
        step.cancel_timer(self.heartbeat_key(old));
        step.set_timer(self.heartbeat_key(&new), before.session_timeout_ms.into());
        match self.state {
            State::Stable if self.choose_protocol() == self.protocol_name => {
                let assignments: BTreeMap<_, _> = self
                    .members
                    .values()
                    .map(|member| (member.id.clone(), member.assignment.clone()))
                    .collect();
                step.record(GroupRecord::group_metadata(self.id.clone(), self.to_record(&assignments)));
                step.then(Continuation::StaticMember(Box::new(StaticMemberSwap {
                    group: self.id.clone(),
                    instance,
                    old_member: old.clone(),
                    new_member: new,
                    old_leader,
                    old_protocols: before.protocols,
                    old_rebalance_timeout_ms: before.rebalance_timeout_ms,
                    old_session_timeout_ms: before.session_timeout_ms,
                    may_skip_assignment: join.context.api_version >= SKIP_ASSIGNMENT_SINCE,
                })));
            }
            State::Stable => self.rebalance_or_complete_join(join.settings, step),
            // The leader may already have the old id in the assignment that it is about to send.
            State::CompletingRebalance => self.prepare_rebalance(join.settings, step),
            State::PreparingRebalance | State::Empty => self.complete_join_if_possible(step),
        }
    }

    /// The swap of a static member's id is committed.
    pub(crate) fn static_member_swapped(&mut self, swap: &StaticMemberSwap, step: &mut Step) {
        let leads = self.is_leader(&swap.new_member);
        let response = if swap.may_skip_assignment {
            JoinGroupResponse { skip_assignment: leads, ..self.generation_for(&swap.new_member, leads) }
        } else {
            // Older leaders would assign anew if they were told that they lead, so they are told who led before.
            JoinGroupResponse {
                leader: swap.old_leader.clone().unwrap_or_default(),
                ..self.generation_for(&swap.new_member, false)
            }
        };
        if matches!(self.state, State::Stable | State::CompletingRebalance) {
            self.answer_join(&swap.new_member, response, step);
        }
    }

    /// The swap of a static member's id could not be written: it is undone.
    pub(crate) fn static_member_swap_failed(
        &mut self,
        swap: &StaticMemberSwap,
        error: ErrorCode,
        step: &mut Step,
    ) {
        let response = JoinGroupResponse {
            error_code: error.code(),
            member_id: StrBytes::default(),
            leader: swap.old_leader.clone().unwrap_or_default(),
            ..self.generation_for(&swap.new_member, false)
        };
        self.answer_join(&swap.new_member, response, step);
        self.update_member(
            &swap.new_member,
            swap.old_protocols.clone(),
            swap.old_rebalance_timeout_ms,
            swap.old_session_timeout_ms,
        );
        self.replace_static_member(&swap.instance, &swap.new_member, &swap.old_member, step);
        if let Some(member) = self.members.get(&swap.old_member) {
            self.set_heartbeat_timer(member, step);
        }
    }
}
