//! The coordinator of the groups of one `__consumer_offsets` partition.
//!
//! Owned by its driver, on the shard of that partition. It is built by a [`Loader`] that replays the partition, and
//! dropped when the partition's leadership is lost.

use crate::cluster::Cluster;
use crate::effect::{Completion, Continuation, Outcome, Reply, Step, TimerKey};
use crate::group::classic::{Classic, Join, refuse_join, refuse_sync};
use crate::group::consumer::{self, ConsumerGroup, Draft};
use crate::group::refusal::Refusal;
use crate::group::{GroupKind, GroupRef, GroupState, streams};
use crate::record::{ConsumerRecord, GroupRecord, ShareRecord};
use crate::request::{Request, RequestContext};
use crate::settings::GroupSettings;
use crate::state::{GroupsState, LogRecord};
use crate::token::Token;
use crate::write_error::coordinator_error;
use klamm_protocol::api::consumer_group_heartbeat::ConsumerGroupHeartbeatResponse;
use klamm_protocol::api::heartbeat::{HeartbeatRequest, HeartbeatResponse};
use klamm_protocol::api::join_group::JoinGroupRequest;
use klamm_protocol::api::leave_group::{LeaveGroupRequest, LeaveGroupResponse, MemberResponse};
use klamm_protocol::{ErrorCode, StrBytes, Uuid};
use klamm_timeline::Timeline;
use std::collections::BTreeMap;

/// Replays a partition of `__consumer_offsets` for its new coordinator.
#[derive(Debug)]
pub struct Loader {
    settings: GroupSettings,
    timeline: Timeline<GroupsState>,
}

impl Loader {
    /// Starts with nothing, at the partition's log start offset.
    pub fn new(settings: GroupSettings, log_start_offset: i64) -> Self {
        Self { settings, timeline: Timeline::new(GroupsState::default(), log_start_offset) }
    }

    /// Takes the records of the next batch, which ends before `end_offset`.
    pub fn replay(&mut self, records: &[LogRecord], end_offset: i64, high_watermark: i64) {
        self.timeline.load(records, end_offset, high_watermark);
    }

    /// The coordinator, and what it asks for to begin with: timers, and the rebalance of groups that are larger than
    /// is now allowed.
    pub fn finish(self, now_ms: i64, cluster: &dyn Cluster) -> (GroupCoordinator, Outcome) {
        let mut step = Step::new(now_ms);
        let mut classic = BTreeMap::new();
        let mut share_state_noted = BTreeMap::new();
        for (id, group) in self.timeline.tentative().groups() {
            match group {
                GroupState::Classic(value) => {
                    let mut group = Classic::from_record(id.clone(), value);
                    group.loaded(&self.settings, &mut step);
                    classic.insert(id.clone(), group);
                }
                GroupState::Consumer(group) => {
                    let timing = cluster.consumer_timing(id).unwrap_or(self.settings.consumer_timing);
                    group.loaded(id, timing, &mut step);
                }
                GroupState::Streams(group) => {
                    let timing = cluster.streams_timing(id).unwrap_or(self.settings.streams_timing);
                    group.loaded(id, timing, &mut step);
                }
                GroupState::Share(group) => {
                    let timing = cluster.share_timing(id).unwrap_or(self.settings.share_timing);
                    group.loaded(id, timing, &mut step);
                    share_state_noted.insert(id.clone(), ShareStateNoted::at(now_ms));
                }
            }
        }
        step.set_timer(TimerKey::Expiration, self.settings.offsets_retention_check_interval_ms);
        let (settings, timeline) = (self.settings, self.timeline);
        let topics_seen = BTreeMap::new();
        let coordinator = GroupCoordinator {
            settings,
            timeline,
            classic,
            streams: BTreeMap::new(),
            share_state_noted,
            topics_seen,
        };
        (coordinator, step.finish())
    }
}

/// That a consumer group has been compared with the topics there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct TopicsSeen {
    /// The version of the topics.
    version: i64,
    /// The group's epoch afterwards. If the group is behind it, what was decided has not been written.
    epoch: i32,
}

/// When it was last written for which partitions a share group has state; at the latest when it was loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ShareStateNoted {
    /// In ms.
    pub(crate) last_ms: i64,
    /// While the group had no members, without which its state is not deleted.
    pub(crate) last_empty_ms: i64,
}

impl ShareStateNoted {
    const fn at(now_ms: i64) -> Self {
        Self { last_ms: now_ms, last_empty_ms: now_ms }
    }
}

/// The groups of one `__consumer_offsets` partition: what is written of them, and what is only in memory.
#[derive(Debug)]
pub struct GroupCoordinator {
    settings: GroupSettings,
    timeline: Timeline<GroupsState>,
    classic: BTreeMap<StrBytes, Classic>,
    /// What is known of streams groups beside their records.
    pub(crate) streams: BTreeMap<StrBytes, streams::Memory>,
    share_state_noted: BTreeMap<StrBytes, ShareStateNoted>,
    /// What each consumer and share group has last been compared with.
    topics_seen: BTreeMap<StrBytes, TopicsSeen>,
}

impl GroupCoordinator {
    /// Decides on a request. The driver then
    /// 1. completes `response.now`,
    /// 2. appends `records`, as one batch, and calls [`Self::appended`], or, if it cannot, refuses the request of
    ///    `response.committed` and calls [`Self::append_failed`] with the continuation,
    /// 3. changes the timers,
    /// 4. when everything appended so far is committed, completes `response.committed` and calls [`Self::committed`]
    ///    with the continuation.
    ///
    /// Nothing else may be asked of the coordinator between the decision and the append.
    pub fn handle(
        &mut self,
        context: &RequestContext,
        cluster: &dyn Cluster,
        token: Token,
        request: &Request,
    ) -> Outcome {
        let mut step = Step::new(context.now_ms);
        match request {
            Request::JoinGroup(request) => self.join_group(context, cluster, (token, request), &mut step),
            Request::SyncGroup(request) if request.group_id.is_empty() => {
                step.complete(token, refuse_sync(ErrorCode::InvalidGroupId));
            }
            Request::SyncGroup(request) => match self.classic.get_mut(&request.group_id) {
                Some(group) => group.sync(request, token, &mut step),
                None => {
                    let response = self.sync_consumer_group(cluster, request, &mut step);
                    let reply = response.map_or_else(refuse_sync, Reply::SyncGroup);
                    step.complete_when_committed(token, reply);
                }
            },
            Request::Heartbeat(request) => {
                let error = self.heartbeat(request, &mut step).err().unwrap_or(ErrorCode::None);
                let response = HeartbeatResponse { error_code: error.code(), ..Default::default() };
                step.complete_when_committed(token, Reply::Heartbeat(response));
            }
            Request::LeaveGroup(request) => {
                let response = self.leave_group(cluster, request, &mut step);
                step.complete_when_committed(token, Reply::LeaveGroup(response));
            }
            Request::DescribeGroups { groups } => {
                let groups = groups.iter().map(|id| self.describe_group(id, context.api_version)).collect();
                step.complete(token, Reply::DescribeGroups(groups));
            }
            Request::ListGroups { states, types } => {
                step.complete(token, Reply::ListGroups(self.list_groups(states, types)));
            }
            Request::DeleteGroups { groups } => {
                let results = groups.iter().map(|id| self.delete_group(id, &mut step)).collect();
                step.complete_when_committed(token, Reply::DeleteGroups(results));
            }
            Request::OffsetCommit(_)
            | Request::TxnOffsetCommit(_)
            | Request::OffsetFetch { .. }
            | Request::OffsetDelete(_) => self.handle_offsets(context, cluster, (token, request), &mut step),
            Request::ConsumerGroupHeartbeat(request) => {
                let response = self.consumer_heartbeat(context, cluster, request, &mut step);
                let response = response.unwrap_or_else(|refusal| {
                    step.discard();
                    refuse_heartbeat(refusal)
                });
                step.complete_when_committed(token, Reply::ConsumerGroupHeartbeat(response));
            }
            Request::Share(request) => {
                self.handle_share_group(context, cluster, (token, request), &mut step);
            }
            Request::StreamsGroupHeartbeat(request) => {
                let heartbeat = self.streams_heartbeat(context, cluster, request, &mut step);
                let reply = streams::reply(heartbeat, &mut step);
                step.complete_when_committed(token, reply);
            }
            Request::StreamsGroupDescribe { groups } => {
                let groups = groups.iter().map(|id| self.describe_streams_group(id)).collect();
                step.complete(token, Reply::StreamsGroupDescribe(groups));
            }
            // There is nothing to decide.
            Request::EndTransaction(_) => step.complete(token, Reply::EndTransaction(ErrorCode::None)),
            Request::ConsumerGroupDescribe { groups } => {
                let groups = groups.iter().map(|id| self.describe_consumer_group(id, cluster)).collect();
                step.complete(token, Reply::ConsumerGroupDescribe(groups));
            }
        }
        step.finish()
    }

    fn handle_offsets(
        &self,
        context: &RequestContext,
        cluster: &dyn Cluster,
        (token, request): (Token, &Request),
        step: &mut Step,
    ) {
        let version = context.api_version;
        let result = match request {
            Request::OffsetCommit(commit) => {
                self.commit_offsets(commit, version, step).map(Reply::OffsetCommit)
            }
            Request::TxnOffsetCommit(commit) if commit.group_id.is_empty() => Err(ErrorCode::InvalidGroupId),
            Request::TxnOffsetCommit(commit) => {
                self.commit_transactional_offsets(commit, cluster, step).map(Reply::TxnOffsetCommit)
            }
            Request::OffsetDelete(delete) if delete.group_id.is_empty() => Err(ErrorCode::InvalidGroupId),
            Request::OffsetDelete(delete) => self.delete_offsets(delete, step).map(Reply::OffsetDelete),
            Request::OffsetFetch { group, require_stable } => {
                let fetched = self.fetch_offsets(group, *require_stable).map(Reply::OffsetFetch);
                if !require_stable {
                    let reply = fetched.unwrap_or_else(|error| request.refuse(error, version));
                    return step.complete(token, reply);
                }
                fetched
            }
            _ => return,
        };
        let reply = result.unwrap_or_else(|error| request.refuse(error, version));
        step.complete_when_committed(token, reply);
    }

    fn join_group(
        &mut self,
        context: &RequestContext,
        cluster: &dyn Cluster,
        (token, request): (Token, &JoinGroupRequest),
        step: &mut Step,
    ) {
        let settings = &self.settings;
        let id = &request.member_id;
        let timeouts = settings.classic_session_timeout_ms_min..=settings.classic_session_timeout_ms_max;
        if request.group_id.is_empty() {
            return step.complete(token, refuse_join(id, ErrorCode::InvalidGroupId));
        }
        if !timeouts.contains(&request.session_timeout_ms) {
            return step.complete(token, refuse_join(id, ErrorCode::InvalidSessionTimeout));
        }
        match self.state().group(&request.group_id) {
            Some(GroupState::Consumer(group)) if group.state() != consumer::State::Empty => {
                return self.join_consumer_group(context, cluster, (token, request), step);
            }
            Some(GroupState::Streams(group)) if group.state() != streams::State::Empty => {
                return step.complete(token, refuse_join("", ErrorCode::InconsistentGroupProtocol));
            }
            Some(GroupState::Share(_)) => {
                return step.complete(token, refuse_join("", ErrorCode::InconsistentGroupProtocol));
            }
            _ => {}
        }
        let settings = &self.settings;
        let is_new = !self.classic.contains_key(&request.group_id);
        if is_new && !id.is_empty() {
            return step.complete(token, refuse_join(id, ErrorCode::UnknownMemberId));
        }
        let group = self.classic.entry(request.group_id.detached());
        let group = group.or_insert_with_key(|id| Classic::new(id.clone(), context.now_ms));
        group.join(&Join { context, request, token, settings }, step);
        if is_new && !step.has_records() && !step.has_continuation() {
            let empty = match self.timeline.tentative().group(&request.group_id) {
                Some(GroupState::Consumer(empty)) => Some(GroupRef::Consumer(empty)),
                Some(GroupState::Streams(empty)) => Some(GroupRef::Streams(empty)),
                Some(GroupState::Classic(_) | GroupState::Share(_)) | None => None,
            };
            if let Some(empty) = empty {
                // The classic group takes its place.
                empty.tombstones(&request.group_id).into_iter().for_each(|record| step.record(record));
            }
            // So that the group exists for others, and for the next coordinator.
            step.record(GroupRecord::group_metadata(request.group_id.clone(), group.to_first_record()));
            step.then(Continuation::NewGroup { group: request.group_id.clone() });
        }
    }

    fn heartbeat(&self, request: &HeartbeatRequest, step: &mut Step) -> Result<(), ErrorCode> {
        if request.group_id.is_empty() {
            return Err(ErrorCode::InvalidGroupId);
        }
        match self.classic.get(&request.group_id) {
            Some(group) => group.heartbeat(request, step),
            None => self.heartbeat_consumer_group(request, step),
        }
    }

    fn leave_group(
        &mut self,
        cluster: &dyn Cluster,
        request: &LeaveGroupRequest,
        step: &mut Step,
    ) -> LeaveGroupResponse {
        if request.group_id.is_empty() {
            return LeaveGroupResponse { error_code: ErrorCode::InvalidGroupId.code(), ..Default::default() };
        }
        let written = self.timeline.tentative().group(&request.group_id);
        let members = match (self.classic.get_mut(&request.group_id), written) {
            (Some(group), _) => group.leave(request, &self.settings, step),
            (None, Some(GroupState::Consumer(group))) => {
                let (id, group) = (request.group_id.clone(), ConsumerGroup::clone(group));
                let mut draft = Draft::new(id, group, &self.settings, cluster, step);
                let members = draft.leave_group(request);
                let became = draft.became.take();
                self.adopt(&request.group_id, became);
                members
            }
            (None, _) => {
                let unknown = |member: &klamm_protocol::api::leave_group::MemberIdentity| MemberResponse {
                    member_id: member.member_id.clone(),
                    group_instance_id: member.group_instance_id.clone(),
                    error_code: ErrorCode::UnknownMemberId.code(),
                    ..Default::default()
                };
                request.members.iter().map(unknown).collect()
            }
        };
        LeaveGroupResponse { members, ..Default::default() }
    }

    /// A timer has fired. As with [`Self::handle`].
    pub fn timer_fired(&mut self, now_ms: i64, cluster: &dyn Cluster, key: &TimerKey) -> Outcome {
        let mut step = Step::new(now_ms);
        match key {
            TimerKey::Expiration => self.expire(&mut step),
            TimerKey::ConsumerSession { group, member }
            | TimerKey::ConsumerJoin { group, member }
            | TimerKey::ConsumerSync { group, member } => {
                self.consumer_timer_fired(cluster, (group, member), false, &mut step);
            }
            TimerKey::StreamsSession { group, member } => {
                self.streams_timer_fired(cluster, (group, member), false, &mut step);
            }
            TimerKey::StreamsRebalance { group, member } => {
                self.streams_timer_fired(cluster, (group, member), true, &mut step);
            }
            TimerKey::StreamsInitialRebalance { group } => {
                self.streams_first_assignment(cluster, group, &mut step);
            }
            TimerKey::ConsumerRegexes { group } => self.resolve_regexes(cluster, group, &mut step),
            TimerKey::ShareSession { group, member } => {
                self.share_session_over(cluster, (group, member), &mut step);
            }
            TimerKey::ConsumerRebalance { group, member } => {
                self.consumer_timer_fired(cluster, (group, member), true, &mut step);
            }
            TimerKey::ClassicHeartbeat { group, member } => {
                if let Some(group) = self.classic.get_mut(group) {
                    group.heartbeat_timed_out(member, &self.settings, &mut step);
                }
            }
            TimerKey::ClassicJoin { group } => {
                if let Some(group) = self.classic.get_mut(group) {
                    group.join_timed_out(&self.settings, &mut step);
                }
            }
            TimerKey::ClassicSync { group } => {
                if let Some(group) = self.classic.get_mut(group) {
                    group.sync_timed_out(&self.settings, &mut step);
                }
            }
        }
        step.finish()
    }

    /// Topics, by name and id, have been deleted: their offsets go. As with [`Self::handle`].
    pub fn topics_deleted(&self, now_ms: i64, cluster: &dyn Cluster, topics: &[(StrBytes, Uuid)]) -> Outcome {
        let mut step = Step::new(now_ms);
        self.forget_share_state_of_topics(cluster, topics, &mut step);
        for (topic, id) in topics {
            self.delete_offsets_of_topic(topic, *id, &mut step);
        }
        step.finish()
    }

    /// The records of an outcome have been appended, the first of them at `base_offset`; `transaction_of` is the
    /// producer of a TxnOffsetCommit.
    pub fn appended(
        &mut self,
        records: &[GroupRecord],
        base_offset: i64,
        transaction_of: Option<i64>,
        now_ms: i64,
    ) {
        let numbered = (base_offset..).zip(records);
        let batch: Vec<LogRecord> = numbered
            .map(|(offset, record)| LogRecord::Data { offset, transaction_of, record: record.clone() })
            .collect();
        let end_offset = base_offset.saturating_add(i64::try_from(batch.len()).unwrap_or(i64::MAX));
        self.replay(&batch, end_offset, now_ms);
    }

    /// The end of a transaction has been appended: its offsets become committed, or are dropped.
    pub fn transaction_ended(&mut self, producer_id: i64, is_committed: bool, end_offset: i64) {
        self.timeline.apply(&[LogRecord::EndTransaction { producer_id, is_committed }], end_offset);
    }

    fn replay(&mut self, batch: &[LogRecord], end_offset: i64, now_ms: i64) {
        self.timeline.apply(batch, end_offset);
        for record in batch {
            let LogRecord::Data { record, .. } = record else { continue };
            match record {
                GroupRecord::GroupMetadata { group, value: None } => {
                    self.classic.remove(group);
                }
                GroupRecord::OffsetCommit { group, value: Some(_), .. }
                    if !self.classic.contains_key(group) && self.is_classic(group) =>
                {
                    let id = group.detached();
                    self.classic.insert(id.clone(), Classic::new(id, now_ms));
                }
                GroupRecord::Consumer { group, record: ConsumerRecord::Metadata(None) }
                | GroupRecord::Share { group, record: ShareRecord::Metadata(None) } => {
                    self.topics_seen.remove(group);
                    self.share_state_noted.remove(group);
                }
                GroupRecord::Share { group, record: ShareRecord::StatePartitions(Some(_)) } => {
                    self.note_share_state(group, now_ms);
                }
                GroupRecord::Streams { group, .. } => self.tidy_streams_memory(group),
                GroupRecord::GroupMetadata { .. }
                | GroupRecord::OffsetCommit { .. }
                | GroupRecord::Consumer { .. }
                | GroupRecord::Share { .. } => {}
            }
        }
    }

    /// The partition's high watermark has moved: reads see what it has passed.
    pub fn high_watermark_moved(&mut self, high_watermark: i64) {
        self.timeline.commit(high_watermark);
    }

    /// Whether a classic group's rebalance is complete with the commit of the records that came with a continuation.
    pub fn completes_rebalance(&self, continuation: &Continuation) -> bool {
        let Continuation::Assignment { group, generation, .. } = continuation else { return false };
        self.classic.get(group).is_some_and(|group| group.awaits_assignment(*generation))
    }

    /// The records that came with a continuation are committed. As with [`Self::handle`].
    pub fn committed(&mut self, now_ms: i64, continuation: &Continuation) -> Outcome {
        let mut step = Step::new(now_ms);
        match continuation {
            Continuation::NewGroup { .. } | Continuation::Downgraded { .. } => {}
            Continuation::ClassicMemberJoined { .. } => {
                consumer::begin_classic_member(continuation, &mut step)
            }
            Continuation::Assignment { group, generation, assignments } => {
                if let Some(group) = self.classic.get_mut(group) {
                    group.assignment_written(*generation, Ok(assignments), &self.settings, &mut step);
                }
            }
            Continuation::StaticMember(swap) => {
                if let Some(group) = self.classic.get_mut(&swap.group) {
                    group.static_member_swapped(swap, &mut step);
                }
            }
        }
        step.finish()
    }

    /// The records that came with a continuation could not be appended: what was decided is undone. As with
    /// [`Self::handle`].
    pub fn append_failed(&mut self, now_ms: i64, continuation: &Continuation, error: ErrorCode) -> Outcome {
        let mut step = Step::new(now_ms);
        let error = coordinator_error(error);
        match continuation {
            // Its records may be in the log all the same, only late: nobody but its session would ever remove it then.
            Continuation::ClassicMemberJoined { .. } => {
                consumer::begin_classic_member(continuation, &mut step)
            }
            Continuation::NewGroup { group } | Continuation::Downgraded { group } => {
                if let Some(mut group) = self.classic.remove(group) {
                    group.refuse_parked(error, &mut step);
                }
            }
            Continuation::Assignment { group, generation, .. } => {
                if let Some(group) = self.classic.get_mut(group) {
                    group.assignment_written(*generation, Err(error), &self.settings, &mut step);
                }
            }
            Continuation::StaticMember(swap) => {
                if let Some(group) = self.classic.get_mut(&swap.group) {
                    group.static_member_swap_failed(swap, error, &mut step);
                }
            }
        }
        step.finish()
    }

    /// This broker is no longer the coordinator: the answers to every request that is parked here. Requests whose
    /// records are not committed yet are the driver's to refuse.
    pub fn unload(mut self, now_ms: i64) -> Vec<Completion> {
        let mut step = Step::new(now_ms);
        for group in self.classic.values_mut() {
            group.refuse_parked(ErrorCode::NotCoordinator, &mut step);
        }
        step.finish().response.now
    }

    /// Everything appended so far.
    pub fn state(&self) -> &GroupsState {
        self.timeline.tentative()
    }

    /// What the high watermark has passed.
    pub fn committed_state(&self) -> &GroupsState {
        self.timeline.committed()
    }

    /// For tests.
    ///
    /// # Panics
    /// If what is derived of a group's members disagrees with them, or a group is not where it should be.
    pub fn check_invariants(&self) {
        for (id, group) in &self.classic {
            group.check_invariants();
            assert!(self.state().group(id).is_some(), "group {id} is only in memory");
        }
        for (id, group) in self.state().groups() {
            assert_eq!(group.kind() == GroupKind::Classic, self.classic.contains_key(id), "group {id}");
        }
    }

    pub(crate) const fn settings(&self) -> &GroupSettings {
        &self.settings
    }

    pub(crate) fn classic_group(&self, id: &str) -> Option<&Classic> {
        self.classic.get(id)
    }

    pub(crate) fn classic_groups(&self) -> impl Iterator<Item = &Classic> {
        self.classic.values()
    }

    /// The group of this id, whatever its kind.
    pub(crate) fn group(&self, id: &str) -> Option<GroupRef<'_>> {
        match self.classic.get(id) {
            Some(group) => Some(GroupRef::Classic(group)),
            None => match self.state().group(id)? {
                GroupState::Consumer(group) => Some(GroupRef::Consumer(group)),
                GroupState::Share(group) => Some(GroupRef::Share(group)),
                GroupState::Streams(group) => Some(GroupRef::Streams(group)),
                GroupState::Classic(_) => None,
            },
        }
    }

    /// A copy of a consumer group, to draft on.
    pub(crate) fn consumer_group(&self, id: &str) -> Option<ConsumerGroup> {
        match self.state().group(id)? {
            GroupState::Consumer(group) => Some(ConsumerGroup::clone(group)),
            GroupState::Classic(_) | GroupState::Share(_) | GroupState::Streams(_) => None,
        }
    }

    /// Puts what a consumer group has become in its place.
    pub(crate) fn adopt(&mut self, id: &StrBytes, became: Option<Classic>) {
        if let Some(group) = became {
            self.classic.insert(id.detached(), group);
        }
    }

    /// Answers every request that is parked in a classic group, if there is one.
    pub(crate) fn refuse_parked_in(&mut self, id: &str, error: ErrorCode, step: &mut Step) {
        if let Some(group) = self.classic.get_mut(id) {
            group.refuse_parked(error, step);
        }
    }

    /// When it was last noted for which partitions a share group has state.
    pub(crate) fn share_state_noted(&self, id: &str) -> ShareStateNoted {
        self.share_state_noted.get(id).copied().unwrap_or(ShareStateNoted::at(i64::MIN))
    }

    fn note_share_state(&mut self, id: &StrBytes, now_ms: i64) {
        let has_members =
            matches!(self.state().group(id), Some(GroupState::Share(group)) if group.has_members());
        let noted = self.share_state_noted.entry(id.detached()).or_insert(ShareStateNoted::at(now_ms));
        noted.last_ms = now_ms;
        if !has_members {
            noted.last_empty_ms = now_ms;
        }
    }

    fn is_classic(&self, id: &str) -> bool {
        self.state().group(id).is_some_and(|group| group.kind() == GroupKind::Classic)
    }

    /// Forgets what was noted of groups whose first records were refused.
    pub(crate) fn forget_unwritten_groups(&mut self) {
        let state = self.timeline.tentative();
        self.topics_seen.retain(|id, _| state.group(id).is_some());
        self.streams.retain(|id, memory| memory.waits_for_members || state.group(id).is_some());
    }

    /// Whether a consumer group has still to be compared with this version of the topics.
    pub(crate) fn has_new_topics(&self, id: &StrBytes, version: i64, epoch: i32) -> bool {
        self.topics_seen.get(id).is_none_or(|seen| seen.version != version || seen.epoch > epoch)
    }

    /// Notes that a consumer group has been compared with this version of the topics, which took it to this epoch.
    pub(crate) fn note_topics_seen(&mut self, id: &StrBytes, version: i64, epoch: i32) {
        let seen = TopicsSeen { version, epoch };
        match self.topics_seen.get_mut(id) {
            Some(before) => *before = seen,
            None => drop(self.topics_seen.insert(id.detached(), seen)),
        }
    }
}

fn refuse_heartbeat(refusal: Refusal) -> ConsumerGroupHeartbeatResponse {
    ConsumerGroupHeartbeatResponse {
        error_code: refusal.code.code(),
        error_message: Some(StrBytes::from(refusal.message)),
        ..Default::default()
    }
}
