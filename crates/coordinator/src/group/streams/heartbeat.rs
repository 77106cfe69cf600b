//! StreamsGroupHeartbeat (key 88), v0 (KIP-1071): joining, staying in, and leaving a streams group.
//!
//! The member that joins first brings the topology. A heartbeat of a member that says nothing new, and for which there is
//! nothing new, writes nothing.

use super::configured::{Configured, ConfiguredSubtopology, Status, configure, unforeseen};
use super::decide::Draft;
use super::member::Member;
use super::memory::Memory;
use super::reconcile::{Goal, Holders};
use super::tasks::{TaskSets, from_request};
use super::topology::{Topology, to_record};
use super::{StreamsGroup, respond};
use crate::cluster::Cluster;
use crate::coordinator::GroupCoordinator;
use crate::effect::{Step, StreamsHeartbeat};
use crate::group::GroupRef;
use crate::group::classic::State as ClassicState;
use crate::group::member_epoch::{LEFT, LEFT_FOR_A_WHILE};
use crate::group::refusal::Refusal;
use crate::record::{GroupRecord, StreamsRecord};
use crate::request::RequestContext;
use crate::topic_hash::group_hash;
use klamm_protocol::api::streams_group_heartbeat::{
    Status as ResponseStatus, StreamsGroupHeartbeatRequest, StreamsGroupHeartbeatRequestTaskIds,
    Topology as RequestTopology,
};
use klamm_protocol::coordinator::group::StreamsGroupTopologyValue;
use klamm_protocol::{ErrorCode, StrBytes};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

impl GroupCoordinator {
    pub(crate) fn streams_heartbeat(
        &mut self,
        context: &RequestContext,
        cluster: &dyn Cluster,
        request: &StreamsGroupHeartbeatRequest,
        step: &mut Step,
    ) -> Result<StreamsHeartbeat, Refusal> {
        super::check::check(request)?;
        if matches!(request.member_epoch, LEFT | LEFT_FOR_A_WHILE) {
            return self.streams_leave(cluster, request, step);
        }
        let (group, is_new) =
            self.streams_group_to_join(&request.group_id, request.member_epoch == 0, step)?;
        check_tags(request)?;
        // What is known of a group beside its records is kept only once it has some.
        let mut memory = self.take_streams_memory(&request.group_id);
        let draft = Draft::new(request.group_id.clone(), group, self.settings(), cluster, step);
        let mut heartbeat = Heartbeat { draft, memory: &mut memory, statuses: Vec::new() };
        let answer = heartbeat.run(context, request, is_new);
        let memory = if is_new { memory.of_new_group() } else { memory };
        if answer.is_ok() || !is_new {
            self.put_streams_memory(&request.group_id, memory);
        }
        answer
    }

    /// The group as it is, or a new one, which may take the place of an empty classic group. True: it is new.
    fn streams_group_to_join(
        &self,
        id: &StrBytes,
        may_create: bool,
        step: &mut Step,
    ) -> Result<(StreamsGroup, bool), Refusal> {
        match self.group(id) {
            Some(GroupRef::Streams(group)) => Ok((group.clone(), false)),
            Some(GroupRef::Classic(group)) if may_create && group.state() == ClassicState::Empty => {
                step.record(GroupRecord::group_tombstone(id.clone()));
                Ok((StreamsGroup::default(), true))
            }
            Some(GroupRef::Classic(_) | GroupRef::Consumer(_) | GroupRef::Share(_)) => {
                Err(Refusal::new(ErrorCode::GroupIdNotFound, format!("Group {id} is not a streams group.")))
            }
            None if may_create => Ok((StreamsGroup::default(), true)),
            None => Err(Refusal::new(ErrorCode::GroupIdNotFound, format!("Streams group {id} not found."))),
        }
    }

    /// The time that a new group waits for more members is over.
    pub(crate) fn streams_first_assignment(&mut self, cluster: &dyn Cluster, id: &StrBytes, step: &mut Step) {
        let mut memory = self.take_streams_memory(id);
        memory.waits_for_members = false;
        let Some(GroupRef::Streams(group)) = self.group(id) else { return };
        let configured = memory.configured.clone().filter(|_| !group.members.is_empty());
        if let Some(configured) = configured {
            let group = group.clone();
            let mut draft = Draft::new(id.clone(), group, self.settings(), cluster, step);
            let configs = draft.group.assignment_configs.clone();
            draft.refresh_target(&configured, None, &configs);
        }
        self.put_streams_memory(id, memory);
    }
}

/// One heartbeat.
struct Heartbeat<'a> {
    draft: Draft<'a>,
    memory: &'a mut Memory,
    statuses: Vec<ResponseStatus>,
}

impl Heartbeat<'_> {
    fn run(
        &mut self,
        context: &RequestContext,
        request: &StreamsGroupHeartbeatRequest,
        is_new: bool,
    ) -> Result<StreamsHeartbeat, Refusal> {
        let id = request.member_id.detached();
        let was_empty = self.draft.group.members.is_empty();
        let newcomer = Some(&id).filter(|id| !self.draft.group.members.contains_key(*id));
        let before = self.find_member(request)?;
        let updated = update(&before, context, request);
        let mut must_bump = updated != before;
        if must_bump {
            self.draft.write(StreamsRecord::Member(id.clone(), Some(Box::new(updated.to_metadata()))));
        }
        let topology = self.take_topology(request, &updated)?;
        let (configured, metadata_hash) = self.configure(&topology)?;
        must_bump |= metadata_hash != self.draft.group.metadata_hash;
        check_tasks(&configured, request)?;
        let validated = if configured.problem.is_none() { topology.epoch } else { -1 };
        let configs = self.draft.assignment_configs();
        must_bump |= validated != self.draft.group.validated_topology_epoch;
        must_bump |= configs != self.draft.group.assignment_configs;
        if must_bump {
            self.draft.bump_epoch(metadata_hash, validated, &configs);
        }
        self.memory.seen = Some((self.draft.cluster.version(), self.draft.group.epoch));
        if was_empty {
            self.wait_for_members();
        }
        let (target_epoch, target) = self.target(&id, newcomer, &configured, &configs);
        let reported = reported(request);
        let after = self.reconcile(&id, target_epoch, &target, reported.as_ref())?;
        self.draft.set_session_timer(&id);
        if request.shutdown_application {
            self.memory.request_shutdown(&request.member_id);
        }
        let mut response = respond::response(&self.draft, &id, &after);
        respond::put_tasks(&mut response, self.memory, request, (&before, &after));
        respond::put_endpoints(&mut response, &self.draft, self.memory, request, (&id, &configured, is_new));
        let statuses = std::mem::take(&mut self.statuses);
        response.status = Some(respond::statuses(statuses, &configured, self.memory));
        Ok(StreamsHeartbeat {
            response,
            internal_topics: configured.missing.clone(),
            heartbeat_interval_ms: self.draft.timing.heartbeat_interval_ms,
        })
    }

    /// The member as it is; the default if it joins.
    fn find_member(&self, request: &StreamsGroupHeartbeatRequest) -> Result<Member, Refusal> {
        let group = &self.draft.group;
        let is_joining = request.member_epoch == 0;
        let most = self.draft.settings.streams_size_max;
        if is_joining && group.members.size() >= most {
            let message = format!("The streams group has reached its maximum capacity of {most} members.");
            return Err(Refusal::new(ErrorCode::GroupMaxSizeReached, message));
        }
        match group.members.get(&request.member_id) {
            Some(member) => {
                check_epoch(member, request)?;
                Ok(Member::clone(member))
            }
            None if is_joining => Ok(Member::default()),
            None => Err(self.draft.unknown_member(&request.member_id)),
        }
    }

    /// The topology of the group, which the first member brings.
    fn take_topology(
        &mut self,
        request: &StreamsGroupHeartbeatRequest,
        member: &Member,
    ) -> Result<Arc<Topology>, Refusal> {
        let brought = request.topology.as_ref().map(sound).transpose()?;
        let Some(known) = self.draft.group.topology.clone() else {
            let (record, topology) = brought.ok_or_else(unforeseen)?;
            self.draft.write(StreamsRecord::Topology(Some(Box::new(record))));
            return Ok(Arc::new(topology));
        };
        if brought.is_some_and(|(_, brought)| brought.epoch >= known.epoch && brought != *known) {
            return Err(Refusal::new(ErrorCode::InvalidRequest, "Topology updates are not supported yet."));
        }
        if member.topology_epoch < known.epoch {
            let detail = format!(
                "The member's topology epoch {} is behind the group's topology epoch {}.",
                member.topology_epoch, known.epoch
            );
            self.statuses.push(respond::status(Status::StaleTopology, detail));
        }
        Ok(known)
    }

    /// The topology compared with the topics there are, and the hash of these.
    fn configure(&mut self, topology: &Topology) -> Result<(Arc<Configured>, i64), Refusal> {
        let (group, cluster) = (&self.draft.group, self.draft.cluster);
        let known = self.memory.configured.clone();
        let has_seen = self.memory.has_seen(cluster.version(), group.epoch);
        let metadata_hash = if has_seen && known.is_some() {
            group.metadata_hash
        } else {
            group_hash(topology.required_topics().into_iter().filter_map(|name| cluster.topic_hash(name)))
        };
        match known.filter(|_| metadata_hash == group.metadata_hash) {
            Some(known) => Ok((known, metadata_hash)),
            None => {
                let configured = Arc::new(configure(topology, cluster)?);
                self.memory.configured = Some(Arc::clone(&configured));
                Ok((configured, metadata_hash))
            }
        }
    }

    fn wait_for_members(&mut self) {
        let delay_ms = self.draft.timing.initial_rebalance_delay_ms;
        if delay_ms > 0 && !self.memory.waits_for_members {
            self.memory.waits_for_members = true;
            self.draft.set_first_assignment_timer(delay_ms);
        }
    }

    /// The epoch of the target assignment, and the member's.
    fn target(
        &mut self,
        id: &StrBytes,
        newcomer: Option<&StrBytes>,
        configured: &Configured,
        configs: &BTreeMap<StrBytes, StrBytes>,
    ) -> (i32, TaskSets) {
        let delayed = |why: &str| {
            respond::status(
                Status::AssignmentDelayed,
                format!("Assignment delayed due to the configured {why}."),
            )
        };
        if self.memory.waits_for_members {
            self.statuses.push(delayed("initial rebalance delay"));
            return (self.draft.group.target_epoch, TaskSets::default());
        }
        if !self.draft.refresh_target(configured, newcomer, configs) {
            self.statuses.push(delayed("assignment interval"));
        }
        let target = self.draft.group.target.get(id).map(|target| TaskSets::clone(target));
        (self.draft.group.target_epoch, target.unwrap_or_default())
    }

    fn reconcile(
        &mut self,
        id: &StrBytes,
        epoch: i32,
        target: &TaskSets,
        reported: Option<&TaskSets>,
    ) -> Result<Member, Refusal> {
        let Some(member) = self.draft.group.members.get(id).cloned() else {
            return Err(self.draft.unknown_member(id));
        };
        if member.is_reconciled_to(epoch) {
            return Ok(Member::clone(&member));
        }
        let holders = &Holders::new(&self.draft.group, &member.process_id);
        let Some(next) = (Goal { epoch, target, reported, holders }).step(&member) else {
            let message = "The streams group member is in a unknown state. The member must abandon all its tasks and rejoin.";
            return Err(Refusal::new(ErrorCode::FencedMemberEpoch, message));
        };
        if next != *member {
            let value = Some(Box::new(next.to_assignment()));
            self.draft.write(StreamsRecord::CurrentMember(id.clone(), value));
            self.draft.set_rebalance_timer(id, &next);
        }
        Ok(next)
    }
}

/// A member that is one epoch behind has not got our last answer; it may go on if it has nothing that is not its any
/// more.
fn check_epoch(member: &Member, request: &StreamsGroupHeartbeatRequest) -> Result<(), Refusal> {
    let received = request.member_epoch;
    let fenced = |than: &str| {
        let message = format!(
            "The streams group member has a {than} member epoch ({received}) than the one known by the group coordinator \
             ({}). The member must abandon all its partitions and rejoin.",
            member.epoch
        );
        Err(Refusal::new(ErrorCode::FencedMemberEpoch, message))
    };
    if received == 0 || received == member.epoch {
        return Ok(());
    }
    if received > member.epoch {
        return fenced("greater");
    }
    let has = &member.assigned;
    let has_only_its_own = is_within(request.active_tasks.as_deref(), |id, index| {
        has.active.get(id).is_some_and(|indexes| indexes.contains_key(&index))
    }) && is_within(request.standby_tasks.as_deref(), |id, index| {
        super::tasks::contains(&has.standby, id, index)
    }) && is_within(request.warmup_tasks.as_deref(), |id, index| {
        super::tasks::contains(&has.warmup, id, index)
    });
    if received == member.previous_epoch && has_only_its_own { Ok(()) } else { fenced("smaller") }
}

/// The topology that a member brings, in the form of its record too.
fn sound(brought: &RequestTopology) -> Result<(StreamsGroupTopologyValue, Topology), Refusal> {
    let record = to_record(brought);
    let topology = Topology::new(&record);
    let has_doubles = topology.subtopologies.len() != record.subtopologies.len();
    if brought.epoch < 0 || has_doubles { Err(unforeseen()) } else { Ok((record, topology)) }
}

/// A member has one tag of each name.
fn check_tags(request: &StreamsGroupHeartbeatRequest) -> Result<(), Refusal> {
    let tags = request.client_tags.as_deref().unwrap_or_default();
    let names: BTreeSet<&StrBytes> = tags.iter().map(|tag| &tag.key).collect();
    if names.len() == tags.len() { Ok(()) } else { Err(unforeseen()) }
}

fn is_within(
    tasks: Option<&[StreamsGroupHeartbeatRequestTaskIds]>,
    is_its_own: impl Fn(&str, i32) -> bool,
) -> bool {
    let own = |task: &StreamsGroupHeartbeatRequestTaskIds| {
        task.partitions.iter().all(|index| is_its_own(&task.subtopology_id, *index))
    };
    tasks.is_some_and(|tasks| tasks.iter().all(own))
}

fn update(before: &Member, context: &RequestContext, request: &StreamsGroupHeartbeatRequest) -> Member {
    let mut member = before.clone();
    if let Some(rack) = &request.rack_id {
        member.rack = Some(rack.detached());
    }
    if request.rebalance_timeout_ms != -1 {
        member.rebalance_timeout_ms = request.rebalance_timeout_ms;
    }
    if let Some(topology) = &request.topology {
        member.topology_epoch = topology.epoch;
    }
    member.client_id = context.client_id.detached();
    member.client_host = context.client_host.detached();
    if let Some(process) = &request.process_id {
        member.process_id = process.detached();
    }
    if let Some(tags) = &request.client_tags {
        member.client_tags = tags.iter().map(|tag| (tag.key.detached(), tag.value.detached())).collect();
    }
    if let Some(endpoint) = &request.user_endpoint {
        member.endpoint = Some((endpoint.host.detached(), endpoint.port));
    }
    member
}

fn reported(request: &StreamsGroupHeartbeatRequest) -> Option<TaskSets> {
    Some(TaskSets {
        active: from_request(request.active_tasks.as_ref()?),
        standby: from_request(request.standby_tasks.as_ref()?),
        warmup: from_request(request.warmup_tasks.as_ref()?),
    })
}

/// A member cannot have tasks that do not exist.
fn check_tasks(configured: &Configured, request: &StreamsGroupHeartbeatRequest) -> Result<(), Refusal> {
    let known = configured.subtopologies.as_ref().filter(|_| configured.problem.is_none());
    let Some(known) = known else { return Ok(()) };
    let all = [&request.active_tasks, &request.standby_tasks, &request.warmup_tasks];
    for task in all.into_iter().flatten().flatten() {
        let id = &task.subtopology_id;
        let Some(ConfiguredSubtopology { task_count, .. }) = known.get(id) else {
            let message = format!("Subtopology {id} does not exist in the topology.");
            return Err(Refusal::new(ErrorCode::InvalidRequest, message));
        };
        if let Some(index) = task.partitions.iter().find(|index| !(0..*task_count).contains(*index)) {
            let message = format!(
                "Task {index} for subtopology {id} is invalid. Number of tasks for this subtopology: {task_count}"
            );
            return Err(Refusal::new(ErrorCode::InvalidRequest, message));
        }
    }
    Ok(())
}
