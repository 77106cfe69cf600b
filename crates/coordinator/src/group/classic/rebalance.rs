//! How a classic group goes from one generation to the next: what the APIs and timers of the group share.

use super::{Classic, JoinTimer, State, refuse_join};
use crate::effect::{Reply, Step};
use crate::record::GroupRecord;
use crate::settings::GroupSettings;
use crate::token::Token;
use bytes::Bytes;
use klamm_protocol::api::sync_group::SyncGroupResponse;
use klamm_protocol::{ErrorCode, StrBytes};
use std::collections::BTreeMap;

impl Classic {
    /// Starts a rebalance, or completes the one under way if everyone has joined.
    pub(super) fn rebalance_or_complete_join(&mut self, settings: &GroupSettings, step: &mut Step) {
        if self.state == State::PreparingRebalance {
            self.complete_join_if_possible(step);
        } else {
            self.prepare_rebalance(settings, step);
        }
    }

    /// Completes the join phase if everyone has joined, except in the first rebalance of an empty group, which waits
    /// for its delay.
    pub(super) fn complete_join_if_possible(&mut self, step: &mut Step) {
        let under_way = self.state == State::PreparingRebalance && self.previous_state != State::Empty;
        if under_way && self.has_all_joined() {
            self.complete_join(step);
        }
    }

    /// Starts a rebalance: members with a parked SyncGroup, and all who send a heartbeat, are told to rejoin.
    pub(crate) fn prepare_rebalance(&mut self, settings: &GroupSettings, step: &mut Step) {
        if self.state == State::CompletingRebalance {
            self.reset_assignments(ErrorCode::RebalanceInProgress, step);
        }
        self.pending_sync.clear();
        step.cancel_timer(self.sync_key());
        let is_first = self.state == State::Empty;
        self.enter(State::PreparingRebalance, step.now_ms);
        if is_first {
            let delay_ms = settings.classic_initial_rebalance_delay_ms;
            let remaining_ms = self.rebalance_timeout_ms().saturating_sub(delay_ms).max(0);
            self.new_member_added = false;
            self.set_initial_delay(delay_ms, remaining_ms, step);
        } else if self.has_all_joined() {
            self.complete_join(step);
        } else {
            self.set_rebalance_timeout(step);
        }
    }

    fn set_initial_delay(&mut self, delay_ms: i32, remaining_ms: i32, step: &mut Step) {
        self.join_timer = JoinTimer::InitialDelay { delay_ms, remaining_ms };
        step.set_timer(self.join_key(), delay_ms.into());
    }

    fn set_rebalance_timeout(&mut self, step: &mut Step) {
        self.join_timer = JoinTimer::RebalanceTimeout;
        step.set_timer(self.join_key(), self.rebalance_timeout_ms().into());
    }

    /// The time for joining is over, or the initial delay is.
    pub(crate) fn join_timed_out(&mut self, settings: &GroupSettings, step: &mut Step) {
        match self.join_timer {
            JoinTimer::InitialDelay { delay_ms, remaining_ms }
                if self.new_member_added && remaining_ms != 0 =>
            {
                self.new_member_added = false;
                let next_ms = settings.classic_initial_rebalance_delay_ms.min(remaining_ms);
                self.set_initial_delay(next_ms, (remaining_ms - delay_ms).max(0), step);
            }
            JoinTimer::InitialDelay { .. } | JoinTimer::RebalanceTimeout => self.complete_join(step),
        }
    }

    /// Ends the join phase: whoever has not rejoined is removed, unless static, and the next generation begins.
    pub(super) fn complete_join(&mut self, step: &mut Step) {
        if self.state != State::PreparingRebalance {
            return;
        }
        step.cancel_timer(self.join_key());
        let is_late = |member: &&super::Member| member.awaiting_join.is_none() && member.instance.is_none();
        let late: Vec<StrBytes> =
            self.members.values().filter(is_late).map(|member| member.id.clone()).collect();
        for member in &late {
            self.remove(member, step);
            step.cancel_timer(self.heartbeat_key(member));
        }
        if !self.elect_joined_leader() && !self.members.is_empty() {
            // Only static members are left and none of them has rejoined. Their sessions decide.
            self.set_rebalance_timeout(step);
            return;
        }
        self.begin_generation(step);
        if self.state == State::Empty {
            step.record(GroupRecord::group_metadata(self.id.clone(), self.to_record(&BTreeMap::new())));
        } else {
            self.answer_joins(step);
        }
    }

    /// Makes sure that the leader is a member who has rejoined. False if there is none.
    fn elect_joined_leader(&mut self) -> bool {
        let Some(leader) = &self.leader else { return false };
        if self.members.get(leader).is_some_and(|member| member.awaiting_join.is_some()) {
            return true;
        }
        let joined = self.members.values().find(|member| member.awaiting_join.is_some());
        let Some(joined) = joined.map(|member| member.id.clone()) else { return false };
        self.leader = Some(joined);
        true
    }

    fn begin_generation(&mut self, step: &mut Step) {
        // Kafka's counter wraps as well; a negative generation would look like "none" to clients.
        self.generation = self.generation.checked_add(1).unwrap_or(0);
        self.protocol_name = self.choose_protocol();
        self.subscribed_topics = self.read_subscribed_topics();
        let next = if self.members.is_empty() { State::Empty } else { State::CompletingRebalance };
        self.enter(next, step.now_ms);
        self.pending_sync.clear();
    }

    fn answer_joins(&mut self, step: &mut Step) {
        let ids: Vec<StrBytes> = self.members.keys().cloned().collect();
        for id in ids {
            if let Some(token) = self.take_parked_join(&id) {
                let response = self.generation_for(&id, self.is_leader(&id));
                step.complete(token, Reply::JoinGroup(response));
            }
            if let Some(member) = self.members.get_mut(&id) {
                member.is_new = false;
            }
            if let Some(member) = self.members.get(&id) {
                self.set_heartbeat_timer(member, step);
            }
            self.pending_sync.insert(id);
        }
        self.sync_timer_generation = self.generation;
        step.set_timer(self.sync_key(), self.rebalance_timeout_ms().into());
    }

    /// The time for SyncGroup is over: whoever has not sent it is removed.
    pub(crate) fn sync_timed_out(&mut self, settings: &GroupSettings, step: &mut Step) {
        let expected = matches!(self.state, State::CompletingRebalance | State::Stable)
            && self.sync_timer_generation == self.generation;
        if !expected || self.pending_sync.is_empty() {
            return;
        }
        for member in std::mem::take(&mut self.pending_sync) {
            self.remove(&member, step);
            step.cancel_timer(self.heartbeat_key(&member));
        }
        self.prepare_rebalance(settings, step);
    }

    /// A member's session, or a new member's time for joining, is over.
    pub(crate) fn heartbeat_timed_out(
        &mut self,
        member: &StrBytes,
        settings: &GroupSettings,
        step: &mut Step,
    ) {
        if self.pending_join.contains(member) {
            self.remove(member, step);
            if self.state == State::PreparingRebalance && self.has_all_joined() {
                self.complete_join(step);
            }
        } else if self.members.get(member).is_some_and(|member| !member.is_excused_from_heartbeats()) {
            self.remove(member, step);
            match self.state {
                State::Stable | State::CompletingRebalance => self.prepare_rebalance(settings, step),
                State::PreparingRebalance if self.has_all_joined() => self.complete_join(step),
                State::PreparingRebalance | State::Empty => {}
            }
        }
    }

    fn reset_assignments(&mut self, error: ErrorCode, step: &mut Step) {
        for member in self.members.values_mut() {
            member.assignment = Bytes::new();
        }
        self.answer_syncs(error, step);
    }

    /// Answers every parked SyncGroup with its member's assignment, or with the error.
    fn answer_syncs(&mut self, error: ErrorCode, step: &mut Step) {
        let success = error == ErrorCode::None;
        let mut answered = Vec::new();
        for member in self.members.values_mut() {
            let Some(token) = member.awaiting_sync.take() else { continue };
            let response = SyncGroupResponse {
                error_code: error.code(),
                protocol_type: if success { self.protocol_type.clone() } else { None },
                protocol_name: if success { self.protocol_name.clone() } else { None },
                assignment: member.assignment.clone(),
                ..SyncGroupResponse::default()
            };
            step.complete(token, Reply::SyncGroup(response));
            answered.push(member.id.clone());
        }
        // While a SyncGroup is parked its member's session cannot run out, so it starts anew now.
        for member in answered.iter().filter_map(|id| self.members.get(id)) {
            self.set_heartbeat_timer(member, step);
        }
    }

    /// Whether the members of a generation wait for their assignment.
    pub(crate) fn awaits_assignment(&self, generation: i32) -> bool {
        self.state == State::CompletingRebalance && self.generation == generation
    }

    /// The leader's assignment is committed, or lost: see [`Continuation::Assignment`](crate::Continuation).
    pub(crate) fn assignment_written(
        &mut self,
        generation: i32,
        result: Result<&BTreeMap<StrBytes, Bytes>, ErrorCode>,
        settings: &GroupSettings,
        step: &mut Step,
    ) {
        if !self.awaits_assignment(generation) {
            // Somebody has joined or left since.
            return;
        }
        match result {
            Ok(assignments) => {
                for member in self.members.values_mut() {
                    member.assignment = assignments.get(&member.id).cloned().unwrap_or_default();
                }
                self.answer_syncs(ErrorCode::None, step);
                self.enter(State::Stable, step.now_ms);
            }
            Err(error) => {
                self.reset_assignments(error, step);
                self.rebalance_or_complete_join(settings, step);
            }
        }
    }

    /// Gives a static member a new id. Whoever holds the old one is fenced.
    pub(super) fn replace_static_member(
        &mut self,
        instance: &StrBytes,
        old: &StrBytes,
        new: &StrBytes,
        step: &mut Step,
    ) {
        if let Some(token) = self.take_parked_join(old) {
            let mut reply = refuse_join(old, ErrorCode::FencedInstanceId);
            if let Reply::JoinGroup(response) = &mut reply {
                response.protocol_name = None;
            }
            step.complete(token, reply);
        }
        let Some(mut member) = self.members.remove(old) else { return };
        if let Some(token) = member.awaiting_sync.take() {
            step.complete(token, super::refuse_sync(ErrorCode::FencedInstanceId));
        }
        member.id = new.clone();
        member.is_new = false;
        self.members.insert(new.clone(), member);
        self.pending_sync.remove(old);
        if self.is_leader(old) {
            self.leader = Some(new.clone());
        }
        self.static_members.insert(instance.clone(), new.clone());
    }

    /// Takes over what a member's JoinGroup says of it.
    pub(super) fn update_member(
        &mut self,
        id: &StrBytes,
        protocols: Vec<(StrBytes, Bytes)>,
        rebalance_timeout_ms: i32,
        session_timeout_ms: i32,
    ) {
        let Some(mut member) = self.members.remove(id) else { return };
        self.count_protocols(&member, false);
        member.protocols = protocols;
        self.count_protocols(&member, true);
        member.rebalance_timeout_ms = rebalance_timeout_ms;
        member.session_timeout_ms = session_timeout_ms;
        self.members.insert(id.clone(), member);
    }

    /// Answers one member's parked JoinGroup.
    pub(super) fn answer_join(
        &mut self,
        member: &StrBytes,
        response: klamm_protocol::api::join_group::JoinGroupResponse,
        step: &mut Step,
    ) {
        if let Some(token) = self.take_parked_join(member) {
            step.complete(token, Reply::JoinGroup(response));
        }
    }

    /// See [`Token`]: the request parked for a member, if any.
    pub(super) fn parked_join(&self, member: &StrBytes) -> Option<Token> {
        self.members.get(member)?.awaiting_join
    }
}
