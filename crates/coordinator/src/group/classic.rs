//! A classic group (JoinGroup, SyncGroup, Heartbeat, LeaveGroup) as its coordinator keeps it in memory.
//!
//! Most of a classic group's life is never written: a rebalance happens in memory, and one record per generation
//! notes its outcome. So the group here is not the replayed record but a machine of its own that is started from the
//! record when a coordinator takes over. It is owned by [`GroupCoordinator`](crate::GroupCoordinator).
//!
//! The files beside this one hold one API each; [`rebalance`] holds what they share.

mod heartbeat;
mod join;
mod leave;
mod member;
mod migrated;
mod offsets;
mod rebalance;
mod subscription;
mod sync;

pub(crate) use join::Join;
pub(crate) use member::{Member, protocols_of};

use crate::effect::{Reply, Step, TimerKey};
use crate::settings::GroupSettings;
use crate::token::Token;
use bytes::Bytes;
use klamm_protocol::api::join_group::{JoinGroupResponse, JoinGroupResponseMember};
use klamm_protocol::api::sync_group::SyncGroupResponse;
use klamm_protocol::coordinator::group::GroupMetadataValue;
use klamm_protocol::coordinator::group::group_metadata::MemberMetadata;
use klamm_protocol::{ErrorCode, StrBytes};
use std::collections::{BTreeMap, BTreeSet};

/// The protocol type of Kafka's consumers, whose subscriptions the coordinator understands.
pub(crate) const CONSUMER_PROTOCOL_TYPE: &str = "consumer";

/// The state of a classic group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// No members; it remains for its offsets.
    Empty,
    /// Waiting for the members' JoinGroup.
    PreparingRebalance,
    /// Waiting for the leader's SyncGroup.
    CompletingRebalance,
    /// Every member has been offered its assignment.
    Stable,
}

impl State {
    /// As ListGroups and DescribeGroups show it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
        }
    }
}

/// What the group's [`TimerKey::ClassicJoin`] stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JoinTimer {
    /// The first rebalance of an empty group is held back for more members.
    InitialDelay {
        /// How long this delay is.
        delay_ms: i32,
        /// How much further it may be prolonged.
        remaining_ms: i32,
    },
    /// Members have this long to rejoin.
    RebalanceTimeout,
}

/// A classic group in memory.
#[derive(Clone, Debug)]
pub(crate) struct Classic {
    id: StrBytes,
    state: State,
    previous_state: State,
    /// When the state was entered. `None`: loaded from a record older than the field.
    state_since_ms: Option<i64>,
    generation: i32,
    protocol_type: Option<StrBytes>,
    protocol_name: Option<StrBytes>,
    leader: Option<StrBytes>,
    members: BTreeMap<StrBytes, Member>,
    /// `group.instance.id` to member id.
    static_members: BTreeMap<StrBytes, StrBytes>,
    /// Members that have been given an id and have not come back with it (KIP-394).
    pending_join: BTreeSet<StrBytes>,
    /// Members that have not sent SyncGroup in this generation.
    pending_sync: BTreeSet<StrBytes>,
    /// How many members' JoinGroup is parked.
    awaiting_join_count: usize,
    /// Protocol name to the number of members that have it.
    supported: BTreeMap<StrBytes, usize>,
    /// `None`: not known, since the group is none of consumers or a subscription could not be read.
    subscribed_topics: Option<BTreeSet<StrBytes>>,
    /// A member joined during the initial delay, so that it may be prolonged.
    new_member_added: bool,
    join_timer: JoinTimer,
    sync_timer_generation: i32,
}

impl Classic {
    /// A group without members, type or history.
    pub(crate) const fn new(id: StrBytes, now_ms: i64) -> Self {
        Self {
            id,
            state: State::Empty,
            previous_state: State::Empty,
            state_since_ms: Some(now_ms),
            generation: 0,
            protocol_type: None,
            protocol_name: None,
            leader: None,
            members: BTreeMap::new(),
            static_members: BTreeMap::new(),
            pending_join: BTreeSet::new(),
            pending_sync: BTreeSet::new(),
            awaiting_join_count: 0,
            supported: BTreeMap::new(),
            subscribed_topics: None,
            new_member_added: false,
            join_timer: JoinTimer::RebalanceTimeout,
            sync_timer_generation: -1,
        }
    }

    /// The group that a record describes: `Stable` if it has members, else `Empty`.
    pub(crate) fn from_record(id: StrBytes, value: &GroupMetadataValue) -> Self {
        let mut group = Self::new(id, 0);
        group.state = if value.members.is_empty() { State::Empty } else { State::Stable };
        group.previous_state = State::PreparingRebalance;
        group.state_since_ms = (value.current_state_timestamp != -1).then_some(value.current_state_timestamp);
        group.generation = value.generation;
        group.protocol_type = (!value.protocol_type.is_empty()).then(|| value.protocol_type.clone());
        group.protocol_name = value.protocol.clone();
        group.leader = value.leader.clone();
        for member in &value.members {
            let member = Member::from_record(member, value);
            group.insert(member);
        }
        group.subscribed_topics = group.read_subscribed_topics();
        group
    }

    /// The record of this generation with the given assignments; members without one get an empty one.
    pub(crate) fn to_record(&self, assignments: &BTreeMap<StrBytes, Bytes>) -> GroupMetadataValue {
        let member = |member: &Member| MemberMetadata {
            member_id: member.id.clone(),
            group_instance_id: member.instance.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            rebalance_timeout: member.rebalance_timeout_ms,
            session_timeout: member.session_timeout_ms,
            subscription: member.metadata(self.protocol_name.as_ref()),
            assignment: assignments.get(&member.id).cloned().unwrap_or_default(),
            ..MemberMetadata::default()
        };
        GroupMetadataValue {
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            generation: self.generation,
            protocol: self.protocol_name.clone(),
            leader: self.leader.clone(),
            current_state_timestamp: self.state_since_ms.unwrap_or(-1),
            members: self.members.values().map(member).collect(),
            ..GroupMetadataValue::default()
        }
    }

    /// The record that notes that a group exists, of which nothing else is known yet.
    pub(crate) fn to_first_record(&self) -> GroupMetadataValue {
        GroupMetadataValue {
            protocol: None,
            leader: None,
            current_state_timestamp: self.state_since_ms.unwrap_or(-1),
            ..GroupMetadataValue::default()
        }
    }

    pub(crate) const fn state(&self) -> State {
        self.state
    }

    pub(crate) fn protocol_type(&self) -> Option<&StrBytes> {
        self.protocol_type.as_ref()
    }

    pub(crate) fn protocol_name(&self) -> Option<&StrBytes> {
        self.protocol_name.as_ref()
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// Whether its members are Kafka consumers.
    pub(crate) fn is_of_consumers(&self) -> bool {
        self.protocol_type.as_deref() == Some(CONSUMER_PROTOCOL_TYPE)
    }

    fn is_leader(&self, member: &str) -> bool {
        self.leader.as_deref() == Some(member)
    }

    fn enter(&mut self, state: State, now_ms: i64) {
        let allowed = matches!(
            (self.state, state),
            (State::Stable | State::CompletingRebalance | State::Empty, State::PreparingRebalance)
                | (State::PreparingRebalance, State::Empty | State::CompletingRebalance)
                | (State::CompletingRebalance, State::Stable)
        );
        assert!(allowed, "group {} cannot go from {:?} to {state:?}", self.id, self.state);
        self.previous_state = self.state;
        self.state = state;
        self.state_since_ms = Some(now_ms);
    }

    /// Checks that a request comes from a member, and from the one that now holds the static id it names.
    fn check_member(&self, member: &str, instance: Option<&StrBytes>) -> Result<(), ErrorCode> {
        if let Some(instance) = instance {
            match self.static_members.get(instance) {
                None => return Err(ErrorCode::UnknownMemberId),
                Some(holder) if **holder != *member => return Err(ErrorCode::FencedInstanceId),
                Some(_) => {}
            }
        }
        if self.members.contains_key(member) { Ok(()) } else { Err(ErrorCode::UnknownMemberId) }
    }

    /// Whether someone with these protocols may be a member beside those there are.
    fn supports(&self, protocol_type: &str, protocols: &[(StrBytes, Bytes)]) -> bool {
        if self.state == State::Empty {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        self.protocol_type.as_deref() == Some(protocol_type)
            && protocols
                .iter()
                .any(|(name, _)| self.supported.get(name).copied().unwrap_or(0) == self.members.len())
    }

    /// The protocol that most members put first among those that all of them have; of several the first by name.
    fn choose_protocol(&self) -> Option<StrBytes> {
        let candidates = |name: &StrBytes| self.supported.get(name) == Some(&self.members.len());
        let mut votes: BTreeMap<&StrBytes, usize> = BTreeMap::new();
        for member in self.members.values() {
            if let Some((name, _)) = member.protocols.iter().find(|(name, _)| candidates(name)) {
                *votes.entry(name).or_default() += 1;
            }
        }
        let most = votes.values().copied().max()?;
        votes.into_iter().find(|(_, count)| *count == most).map(|(name, _)| name.clone())
    }

    fn insert(&mut self, member: Member) {
        if self.members.is_empty() {
            self.protocol_type = Some(member.protocol_type.clone());
        }
        if let Some(instance) = &member.instance {
            self.static_members.insert(instance.clone(), member.id.clone());
        }
        if self.leader.is_none() {
            self.leader = Some(member.id.clone());
        }
        self.pending_join.remove(&member.id);
        self.count_protocols(&member, true);
        self.awaiting_join_count += usize::from(member.awaiting_join.is_some());
        self.members.insert(member.id.clone(), member);
    }

    /// Removes a member, pending or not; its parked requests are answered UNKNOWN_MEMBER_ID.
    fn remove(&mut self, id: &StrBytes, step: &mut Step) {
        if let Some(mut member) = self.members.remove(id) {
            if let Some(token) = member.awaiting_join.take() {
                self.awaiting_join_count -= 1;
                step.complete(token, refuse_join("", ErrorCode::UnknownMemberId));
            }
            if let Some(token) = member.awaiting_sync.take() {
                step.complete(token, refuse_sync(ErrorCode::UnknownMemberId));
            }
            self.count_protocols(&member, false);
            if let Some(instance) = &member.instance {
                self.static_members.remove(instance);
            }
        }
        if self.is_leader(id) {
            self.leader = self.members.keys().next().cloned();
        }
        self.pending_join.remove(id);
        self.pending_sync.remove(id);
    }

    fn count_protocols(&mut self, member: &Member, add: bool) {
        for (name, _) in &member.protocols {
            let count = self.supported.entry(name.clone()).or_default();
            *count = if add { *count + 1 } else { count.saturating_sub(1) };
            if *count == 0 {
                self.supported.remove(name);
            }
        }
    }

    fn has_all_joined(&self) -> bool {
        self.awaiting_join_count == self.members.len() && self.pending_join.is_empty()
    }

    fn rebalance_timeout_ms(&self) -> i32 {
        self.members.values().map(|member| member.rebalance_timeout_ms).max().unwrap_or(0).max(0)
    }

    /// Parks a member's JoinGroup in place of an older one, whose sender has given up on it.
    fn park_join(&mut self, member: &StrBytes, token: Token, step: &mut Step) {
        let Some(member) = self.members.get_mut(member) else { return };
        match member.awaiting_join.replace(token) {
            Some(old) => step.complete(old, refuse_join(&member.id, ErrorCode::RebalanceInProgress)),
            None => self.awaiting_join_count += 1,
        }
    }

    fn take_parked_join(&mut self, member: &StrBytes) -> Option<Token> {
        let token = self.members.get_mut(member)?.awaiting_join.take()?;
        self.awaiting_join_count -= 1;
        Some(token)
    }

    fn set_heartbeat_timer(&self, member: &Member, step: &mut Step) {
        step.set_timer(self.heartbeat_key(&member.id), member.session_timeout_ms.into());
    }

    pub(crate) fn heartbeat_key(&self, member: &StrBytes) -> TimerKey {
        TimerKey::ClassicHeartbeat { group: self.id.clone(), member: member.clone() }
    }

    fn join_key(&self) -> TimerKey {
        TimerKey::ClassicJoin { group: self.id.clone() }
    }

    fn sync_key(&self) -> TimerKey {
        TimerKey::ClassicSync { group: self.id.clone() }
    }

    /// What a member is told of the current generation; only the leader is told who else is in it.
    fn generation_for(&self, member: &StrBytes, with_members: bool) -> JoinGroupResponse {
        let described = |member: &Member| JoinGroupResponseMember {
            member_id: member.id.clone(),
            group_instance_id: member.instance.clone(),
            metadata: member.metadata(self.protocol_name.as_ref()),
            ..JoinGroupResponseMember::default()
        };
        JoinGroupResponse {
            generation_id: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            leader: self.leader.clone().unwrap_or_default(),
            member_id: member.clone(),
            members: if with_members { self.members.values().map(described).collect() } else { Vec::new() },
            ..JoinGroupResponse::default()
        }
    }

    /// Starts the members' sessions after a change of leader. If fewer members are allowed than there are, they have
    /// to rejoin, which gives them the chance to commit.
    pub(crate) fn loaded(&mut self, settings: &GroupSettings, step: &mut Step) {
        for member in self.members.values() {
            self.set_heartbeat_timer(member, step);
        }
        if self.members.len() > settings.classic_size_max {
            self.prepare_rebalance(settings, step);
        }
    }

    /// Answers every parked request with an error.
    pub(crate) fn refuse_parked(&mut self, error: ErrorCode, step: &mut Step) {
        for member in self.members.values_mut() {
            if let Some(token) = member.awaiting_join.take() {
                step.complete(token, refuse_join(&member.id, error));
            }
            if let Some(token) = member.awaiting_sync.take() {
                step.complete(token, refuse_sync(error));
            }
        }
        self.awaiting_join_count = 0;
    }

    /// Panics if the derived fields disagree with the members.
    pub(crate) fn check_invariants(&self) {
        let awaiting = self.members.values().filter(|member| member.awaiting_join.is_some()).count();
        assert_eq!(awaiting, self.awaiting_join_count);
        assert_eq!(
            self.state == State::Empty,
            self.members.is_empty() && self.state != State::PreparingRebalance
        );
        assert!(self.pending_sync.iter().all(|member| self.members.contains_key(member)));
        assert!(!self.pending_join.iter().any(|member| self.members.contains_key(member)));
        assert!(self.leader.as_ref().is_none_or(|leader| self.members.contains_key(leader)));
        for (instance, member) in &self.static_members {
            assert_eq!(self.members.get(member).and_then(|member| member.instance.as_ref()), Some(instance));
        }
    }
}

/// A JoinGroup that is not granted.
pub(crate) fn refuse_join(member: &str, error: ErrorCode) -> Reply {
    Reply::JoinGroup(JoinGroupResponse {
        error_code: error.code(),
        member_id: StrBytes::from(member),
        ..JoinGroupResponse::default()
    })
}

/// A SyncGroup that is not granted.
pub(crate) fn refuse_sync(error: ErrorCode) -> Reply {
    Reply::SyncGroup(SyncGroupResponse { error_code: error.code(), ..SyncGroupResponse::default() })
}
