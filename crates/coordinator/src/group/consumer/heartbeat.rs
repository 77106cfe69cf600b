//! ConsumerGroupHeartbeat (key 68), v0-1 (KIP-848): joining, staying in, and leaving a consumer group.
//!
//! * v1 regular expressions; the member chooses its id (KIP-1082)
//!
//! A heartbeat of a member that says nothing new, and for which there is nothing new, writes nothing.

use super::decide::Draft;
use super::member::{Member, Partitions};
use super::migrate::upgrade;
use super::reconcile::Goal;
use super::{ConsumerGroup, MemberState};
use crate::cluster::Cluster;
use crate::coordinator::GroupCoordinator;
use crate::effect::Step;
use crate::group::assignor::Assignment;
use crate::group::classic::State as ClassicState;
use crate::group::member_epoch::{LEFT, LEFT_FOR_A_WHILE};
use crate::group::refusal::Refusal;
use crate::group::{GroupRef, GroupState};
use crate::record::{ConsumerRecord, GroupRecord};
use crate::request::RequestContext;
use crate::settings::GroupSettings;
use klamm_protocol::api::consumer_group_heartbeat::{
    Assignment as ResponseAssignment, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
    ConsumerGroupHeartbeatResponseTopicPartitions,
};
use klamm_protocol::coordinator::group::ConsumerGroupCurrentMemberAssignmentValue;
use klamm_protocol::{ErrorCode, StrBytes, Uuid};
use std::collections::BTreeSet;

/// From this version on members bring their own id.
const OWN_MEMBER_ID_SINCE: i16 = 1;

impl GroupCoordinator {
    pub(crate) fn consumer_heartbeat(
        &mut self,
        context: &RequestContext,
        cluster: &dyn Cluster,
        request: &ConsumerGroupHeartbeatRequest,
        step: &mut Step,
    ) -> Result<ConsumerGroupHeartbeatResponse, Refusal> {
        check(request, context.api_version, self.settings())?;
        let is_leaving = is_leave(request.member_epoch);
        let id = &request.group_id;
        let was_rebalancing = self.is_classic_rebalancing(id);
        let group = self.consumer_group_to_join(id, request.member_epoch, cluster, step)?;
        let version = cluster.version();
        let topics_are_new = self.has_new_topics(id, version, group.epoch);
        let mut draft = Draft::new(id.clone(), group, self.settings(), cluster, step);
        if is_leaving {
            let response = draft.leave(request);
            let became = draft.became.take();
            self.adopt(id, became);
            return response;
        }
        let response = draft.heartbeat(context, request, topics_are_new, was_rebalancing)?;
        let epoch = draft.group.epoch;
        self.note_topics_seen(id, version, epoch);
        // Who waits in the classic group that has just become a consumer group has to rejoin.
        self.refuse_parked_in(id, ErrorCode::RebalanceInProgress, step);
        Ok(response)
    }

    /// Whether a classic group has members that wait for new assignments. If it becomes a consumer group these have to be
    /// made, also if who comes is a static member that takes the place of itself, for whom alone nothing would change.
    fn is_classic_rebalancing(&self, id: &StrBytes) -> bool {
        let Some(GroupRef::Classic(group)) = self.group(id) else { return false };
        matches!(group.state(), ClassicState::PreparingRebalance | ClassicState::CompletingRebalance)
    }

    /// The group as it is, a new one, one that takes the place of an empty classic group, or what a classic group
    /// becomes.
    fn consumer_group_to_join(
        &self,
        id: &StrBytes,
        member_epoch: i32,
        cluster: &dyn Cluster,
        step: &mut Step,
    ) -> Result<ConsumerGroup, Refusal> {
        let may_create = member_epoch == 0;
        // Who leaves is told of no kind of group, as by Kafka.
        let kind = if is_leave(member_epoch) { "Group" } else { "Consumer group" };
        match self.group(id) {
            Some(GroupRef::Consumer(group)) => Ok(group.clone()),
            Some(GroupRef::Classic(group)) if may_create && group.state() == ClassicState::Empty => {
                step.record(GroupRecord::group_tombstone(id.clone()));
                Ok(ConsumerGroup::default())
            }
            Some(GroupRef::Classic(group)) if may_create => {
                upgrade(id, group, self.settings(), cluster, step)
            }
            Some(GroupRef::Classic(_) | GroupRef::Share(_) | GroupRef::Streams(_)) => {
                Err(Refusal::new(ErrorCode::GroupIdNotFound, format!("Group {id} is not a consumer group.")))
            }
            None if may_create => Ok(ConsumerGroup::default()),
            None => Err(Refusal::new(ErrorCode::GroupIdNotFound, format!("{kind} {id} not found."))),
        }
    }

    /// A member's session is over, or its time for giving up partitions.
    pub(crate) fn consumer_timer_fired(
        &mut self,
        cluster: &dyn Cluster,
        (id, member_id): (&StrBytes, &StrBytes),
        only_unrevoked: bool,
        step: &mut Step,
    ) {
        let Some(GroupState::Consumer(group)) = self.state().group(id) else { return };
        let Some(member) = group.member(member_id) else { return };
        // Who has left for a while is not in the epoch any more in which it was to give up partitions.
        let is_late = member.state == MemberState::UnrevokedPartitions && member.epoch != LEFT_FOR_A_WHILE;
        if !only_unrevoked || is_late {
            let group = ConsumerGroup::clone(group);
            let mut draft = Draft::new(id.clone(), group, self.settings(), cluster, step);
            draft.remove(std::slice::from_ref(member_id));
            let became = draft.became.take();
            self.adopt(id, became);
        }
    }
}

fn check(
    request: &ConsumerGroupHeartbeatRequest,
    version: i16,
    settings: &GroupSettings,
) -> Result<(), Refusal> {
    let invalid = |message: &str| Err(Refusal::new(ErrorCode::InvalidRequest, message));
    let is_blank = |text: &str| text.trim().is_empty();
    let epoch = request.member_epoch;
    if (version >= OWN_MEMBER_ID_SINCE || epoch > 0 || epoch == LEFT) && is_blank(&request.member_id) {
        return invalid("MemberId can't be empty.");
    }
    if is_blank(&request.group_id) {
        return invalid("GroupId can't be empty.");
    }
    if request.instance_id.as_deref().is_some_and(is_blank) {
        return invalid("InstanceId can't be empty.");
    }
    if request.rack_id.as_deref().is_some_and(is_blank) {
        return invalid("RackId can't be empty.");
    }
    if epoch == 0 {
        if request.rebalance_timeout_ms == -1 {
            return invalid("RebalanceTimeoutMs must be provided in first request.");
        }
        if request.topic_partitions.as_ref().is_none_or(|owned| !owned.is_empty()) {
            return invalid("TopicPartitions must be empty when (re-)joining.");
        }
        if request.subscribed_topic_names.is_none() && request.subscribed_topic_regex.is_none() {
            return invalid(
                "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.",
            );
        }
    } else if epoch == LEFT_FOR_A_WHILE && request.instance_id.is_none() {
        return invalid("InstanceId can't be null.");
    } else if epoch < LEFT_FOR_A_WHILE {
        return invalid("MemberEpoch is invalid.");
    }
    match &request.server_assignor {
        Some(name) if !settings.consumer_assignors.iter().any(|known| **known == **name) => {
            let known = settings.consumer_assignors.join(", ");
            let message = format!("ServerAssignor {name} is not supported. Supported assignors: {known}.");
            Err(Refusal::new(ErrorCode::UnsupportedAssignor, message))
        }
        _ => Ok(()),
    }
}

impl Draft<'_> {
    fn heartbeat(
        &mut self,
        context: &RequestContext,
        request: &ConsumerGroupHeartbeatRequest,
        topics_are_new: bool,
        was_rebalancing: bool,
    ) -> Result<ConsumerGroupHeartbeatResponse, Refusal> {
        let reported = request.topic_partitions.as_ref().map(|topics| {
            topics.iter().map(|topic| (topic.topic_id, topic.partitions.iter().copied().collect())).collect()
        });
        let id = self.find_member(context, request, reported.as_ref())?;
        let before = self.group.member(&id).map(|member| Member::clone(member)).unwrap_or_default();
        let updated = update(&before, context, request);
        if updated != before {
            self.write(ConsumerRecord::Member(id.clone(), Some(Box::new(updated.to_metadata()))));
        }
        let have_names_changed = updated.topics != before.topics;
        let has_regex_changed = updated.regex != before.regex;
        let must_bump = self.note_regex(&before, &updated)? || have_names_changed || was_rebalancing;
        if must_bump || topics_are_new {
            self.refresh_epoch(must_bump);
        }
        let has_subscription_changed = have_names_changed || has_regex_changed;
        self.refresh_target();
        let after = self.reconcile(&id, has_subscription_changed, reported.as_ref())?;
        self.set_session_timer(&id);
        let is_full = request.rebalance_timeout_ms != -1
            && (request.subscribed_topic_names.is_some() || request.subscribed_topic_regex.is_some())
            && request.topic_partitions.is_some();
        let tells =
            request.member_epoch == 0 || is_full || !has_same_partitions(&before.assigned, &after.assigned);
        Ok(ConsumerGroupHeartbeatResponse {
            member_id: Some(id),
            member_epoch: after.epoch,
            heartbeat_interval_ms: self.timing.heartbeat_interval_ms,
            assignment: tells.then(|| response_assignment(&after.assigned)),
            ..Default::default()
        })
    }

    /// The id of the member, which is there or may join.
    fn find_member(
        &mut self,
        context: &RequestContext,
        request: &ConsumerGroupHeartbeatRequest,
        reported: Option<&Assignment>,
    ) -> Result<StrBytes, Refusal> {
        let id = &request.member_id;
        let is_joining = request.member_epoch == 0;
        if self.group.members.size() >= self.settings.consumer_size_max
            && !self.group.members.contains_key(id)
        {
            let most = self.settings.consumer_size_max;
            let message = format!("The consumer group has reached its maximum capacity of {most} members.");
            return Err(Refusal::new(ErrorCode::GroupMaxSizeReached, message));
        }
        let id = if id.is_empty() {
            StrBytes::from(Uuid::from_bytes(context.entropy).to_string())
        } else {
            id.clone()
        };
        let Some(instance) = &request.instance_id else {
            let Some(member) = self.group.member(&id) else {
                return if is_joining { Ok(id) } else { Err(self.unknown_member(&id)) };
            };
            check_epoch(member, request.member_epoch, reported)?;
            return Ok(id);
        };
        let holder = self
            .group
            .static_member(instance)
            .map(|(holder, member)| (holder.clone(), Member::clone(member)));
        match holder {
            None if is_joining => {}
            None => {
                return Err(Refusal::new(
                    ErrorCode::UnknownMemberId,
                    format!("Instance id {instance} is unknown."),
                ));
            }
            Some((holder, member)) if is_joining => {
                if member.epoch != LEFT_FOR_A_WHILE && !member.uses_classic_protocol() {
                    let message = format!(
                        "Static member {id} with instance id {instance} cannot join the group because the instance id is \
                         owned by {holder} member."
                    );
                    return Err(Refusal::new(ErrorCode::UnreleasedInstanceId, message));
                }
                self.replace(&holder, &id, member);
            }
            Some((holder, member)) => {
                if holder != id {
                    return Err(fenced_instance(&id, instance, &holder));
                }
                check_epoch(&member, request.member_epoch, reported)?;
            }
        }
        Ok(id)
    }

    /// A static member that has left for a while comes back, perhaps under another id.
    pub(super) fn replace(&mut self, old: &StrBytes, new: &StrBytes, mut member: Member) {
        let target = super::decide::target_value(&self.group.target_of(old));
        self.write(ConsumerRecord::CurrentMember(old.clone(), None));
        self.write(ConsumerRecord::TargetMember(old.clone(), None));
        self.write(ConsumerRecord::Member(old.clone(), None));
        member.epoch = 0;
        member.previous_epoch = 0;
        self.write(ConsumerRecord::Member(new.clone(), Some(Box::new(member.to_metadata()))));
        self.write(ConsumerRecord::TargetMember(new.clone(), Some(target)));
        self.write(ConsumerRecord::CurrentMember(new.clone(), Some(member.to_assignment())));
    }

    pub(super) fn reconcile(
        &mut self,
        id: &StrBytes,
        has_subscription_changed: bool,
        reported: Option<&Assignment>,
    ) -> Result<Member, Refusal> {
        let Some(member) = self.group.member(id).cloned() else { return Err(self.unknown_member(id)) };
        let epoch = self.group.target_epoch;
        if !has_subscription_changed && member.is_reconciled_to(epoch) {
            return Ok(Member::clone(&member));
        }
        let subscribed: BTreeSet<Uuid> =
            self.group.topics_of(&member).filter_map(|name| self.cluster.id(name)).collect();
        let goal = Goal {
            epoch,
            target: &self.group.target_of(id),
            subscribed: &subscribed,
            has_subscription_changed,
            reported,
            is_owned: &|topic, index| self.group.owned.contains_key(&(topic, index)),
        };
        let Some(next) = goal.step(&member) else {
            let message = "The consumer group member is in a unknown state. The member must abandon all its partitions \
                           and rejoin.";
            return Err(Refusal::new(ErrorCode::FencedMemberEpoch, message));
        };
        if next != *member {
            let value: ConsumerGroupCurrentMemberAssignmentValue = next.to_assignment();
            self.write(ConsumerRecord::CurrentMember(id.clone(), Some(value)));
            self.set_rebalance_timer(id, &next);
        }
        Ok(next)
    }

    pub(super) fn unknown_member(&self, id: &str) -> Refusal {
        let message = format!("Member {id} is not a member of group {}.", self.id);
        Refusal::new(ErrorCode::UnknownMemberId, message)
    }
}

pub(super) fn fenced_instance(id: &str, instance: &str, holder: &str) -> Refusal {
    let message = format!("Static member {id} with instance id {instance} was fenced by member {holder}.");
    Refusal::new(ErrorCode::FencedInstanceId, message)
}

/// A member that is one epoch behind has not got our last answer; it may go on if it has nothing that is not its any
/// more.
fn check_epoch(member: &Member, received: i32, reported: Option<&Assignment>) -> Result<(), Refusal> {
    let fenced = |than: &str| {
        let message = format!(
            "The consumer group member has a {than} member epoch ({received}) than the one known by the group coordinator \
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
    let has_only_its_own = reported.is_some_and(|reported| {
        reported.iter().all(|(topic, indexes)| {
            let assigned = member.assigned.get(topic);
            assigned.is_some_and(|assigned| indexes.iter().all(|index| assigned.contains_key(index)))
        })
    });
    if received == member.previous_epoch && has_only_its_own { Ok(()) } else { fenced("smaller") }
}

fn update(before: &Member, context: &RequestContext, request: &ConsumerGroupHeartbeatRequest) -> Member {
    let mut member = before.clone();
    let keep = |new: &Option<StrBytes>, old: Option<StrBytes>| new.as_ref().map(StrBytes::detached).or(old);
    member.instance = keep(&request.instance_id, member.instance);
    member.rack = keep(&request.rack_id, member.rack);
    member.assignor = keep(&request.server_assignor, member.assignor);
    member.regex = keep(&request.subscribed_topic_regex, member.regex);
    if request.rebalance_timeout_ms != -1 {
        member.rebalance_timeout_ms = request.rebalance_timeout_ms;
    }
    if let Some(names) = &request.subscribed_topic_names {
        member.topics = names.iter().map(StrBytes::detached).collect();
    }
    member.client_id = context.client_id.detached();
    member.client_host = context.client_host.detached();
    member.classic = None;
    member
}

fn has_same_partitions(one: &Partitions, other: &Partitions) -> bool {
    let all = |partitions: &Partitions| -> BTreeSet<(Uuid, i32)> {
        partitions
            .iter()
            .flat_map(|(topic, indexes)| indexes.keys().map(move |index| (*topic, *index)))
            .collect()
    };
    all(one) == all(other)
}

fn response_assignment(assigned: &Partitions) -> ResponseAssignment {
    let topic = |(id, indexes): (&Uuid, &std::collections::BTreeMap<i32, i32>)| {
        let partitions = indexes.keys().copied().collect();
        ConsumerGroupHeartbeatResponseTopicPartitions { topic_id: *id, partitions, ..Default::default() }
    };
    ResponseAssignment { topic_partitions: assigned.iter().map(topic).collect(), ..Default::default() }
}

const fn is_leave(member_epoch: i32) -> bool {
    matches!(member_epoch, LEFT | LEFT_FOR_A_WHILE)
}
