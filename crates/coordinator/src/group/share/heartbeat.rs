//! ShareGroupHeartbeat (key 76), v1 (KIP-932): joining, staying in, and leaving a share group.
//!
//! A member gets what it is to have at once: nobody has to give it up before. A heartbeat of a member that says nothing
//! new, and for which there is nothing new, writes nothing.

use super::ShareGroup;
use super::decide::{Draft, session_key};
use super::member::Member;
use super::request::Initialize;
use crate::cluster::Cluster;
use crate::coordinator::GroupCoordinator;
use crate::effect::Step;
use crate::group::GroupRef;
use crate::group::assignor::{Assignment, Subscriber, simple};
use crate::group::member_epoch::LEFT;
use crate::group::refusal::Refusal;
use crate::record::ShareRecord;
use crate::request::RequestContext;
use klamm_protocol::api::share_group_heartbeat::{
    Assignment as ResponseAssignment, ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse,
    TopicPartitions,
};
use klamm_protocol::coordinator::group::share_group_target_assignment_member::TopicPartition;
use klamm_protocol::coordinator::group::{
    ShareGroupTargetAssignmentMemberValue, ShareGroupTargetAssignmentMetadataValue,
};
use klamm_protocol::{ErrorCode, StrBytes, Uuid};
use std::collections::{BTreeMap, BTreeSet};

impl GroupCoordinator {
    pub(crate) fn share_heartbeat(
        &mut self,
        context: &RequestContext,
        cluster: &dyn Cluster,
        request: &ShareGroupHeartbeatRequest,
        step: &mut Step,
    ) -> Result<(ShareGroupHeartbeatResponse, Initialize), Refusal> {
        check(request)?;
        let id = &request.group_id;
        let is_leaving = request.member_epoch == LEFT;
        let group = match self.group(id) {
            Some(GroupRef::Share(group)) => group.clone(),
            Some(_) => return Err(not_found(format!("Group {id} is not a share group."))),
            None if request.member_epoch == 0 => ShareGroup::default(),
            None if is_leaving => return Err(not_found(format!("Group {id} not found."))),
            None => return Err(not_found(format!("Share group {id} not found."))),
        };
        let version = cluster.version();
        let topics_are_new = self.has_new_topics(id, version, group.epoch);
        let noted = self.share_state_noted(id);
        let mut draft = Draft::new(id.clone(), group, self.settings(), cluster, step);
        if is_leaving {
            return Ok((draft.leave(&request.member_id)?, Initialize::new()));
        }
        let response = draft.heartbeat(context, request, topics_are_new)?;
        let initialize = draft.initialize_subscribed(noted);
        let epoch = draft.group.epoch;
        self.note_topics_seen(id, version, epoch);
        Ok((response, initialize))
    }
}

pub(super) fn not_found(message: String) -> Refusal {
    Refusal::new(ErrorCode::GroupIdNotFound, message)
}

fn check(request: &ShareGroupHeartbeatRequest) -> Result<(), Refusal> {
    let invalid = |message: &str| Err(Refusal::new(ErrorCode::InvalidRequest, message));
    let is_blank = |text: &str| text.trim().is_empty();
    if is_blank(&request.member_id) {
        return invalid("MemberId can't be empty.");
    }
    if is_blank(&request.group_id) {
        return invalid("GroupId can't be empty.");
    }
    if request.rack_id.as_deref().is_some_and(is_blank) {
        return invalid("RackId can't be empty.");
    }
    if request.member_epoch == 0 && request.subscribed_topic_names.as_ref().is_none_or(Vec::is_empty) {
        return invalid("SubscribedTopicNames must be set in first request.");
    }
    if request.member_epoch < LEFT {
        return invalid("MemberEpoch is invalid.");
    }
    Ok(())
}

impl Draft<'_> {
    fn heartbeat(
        &mut self,
        context: &RequestContext,
        request: &ShareGroupHeartbeatRequest,
        topics_are_new: bool,
    ) -> Result<ShareGroupHeartbeatResponse, Refusal> {
        let id = &request.member_id;
        let before = self.find_member(id, request.member_epoch)?;
        let has_unassigned = self.group.target_epoch >= self.group.epoch && self.group.has_unassigned();
        let mut updated = before.clone();
        if let Some(rack) = &request.rack_id {
            updated.rack = Some(rack.detached());
        }
        if let Some(names) = &request.subscribed_topic_names {
            updated.topics = names.iter().map(StrBytes::detached).collect();
        }
        updated.client_id = context.client_id.detached();
        updated.client_host = context.client_host.detached();
        if updated != before || self.group.member(id).is_none() {
            self.write(ShareRecord::Member(id.clone(), Some(Box::new(updated.to_metadata()))));
        }
        let mut has_changed = updated.topics != before.topics || has_unassigned;
        if has_changed || topics_are_new {
            has_changed = self.refresh_epoch(has_changed);
        }
        self.refresh_target();
        let after = self.reconcile(id, updated, has_changed);
        self.step.set_timer(session_key(&self.id, id), self.timing.session_timeout_ms.into());
        let tells = request.member_epoch == 0
            || request.subscribed_topic_names.is_some()
            || before.assigned != after.assigned;
        Ok(ShareGroupHeartbeatResponse {
            member_id: Some(id.clone()),
            member_epoch: after.epoch,
            heartbeat_interval_ms: self.timing.heartbeat_interval_ms,
            assignment: tells.then(|| response_assignment(&after.assigned)),
            ..Default::default()
        })
    }

    fn leave(&mut self, member: &StrBytes) -> Result<ShareGroupHeartbeatResponse, Refusal> {
        if self.group.member(member).is_none() {
            return Err(self.unknown_member(member));
        }
        self.remove(member);
        Ok(ShareGroupHeartbeatResponse {
            member_id: Some(member.clone()),
            member_epoch: LEFT,
            ..Default::default()
        })
    }

    fn unknown_member(&self, id: &str) -> Refusal {
        let message = format!("Member {id} is not a member of group {}.", self.id);
        Refusal::new(ErrorCode::UnknownMemberId, message)
    }

    /// The member, which is there or may join.
    fn find_member(&self, id: &StrBytes, epoch: i32) -> Result<Member, Refusal> {
        let known = self.group.member(id);
        let most = self.settings.share_size_max;
        if self.group.members.size() >= most && known.is_none() {
            let message = format!("The share group has reached its maximum capacity of {most} members.");
            return Err(Refusal::new(ErrorCode::GroupMaxSizeReached, message));
        }
        let member = match known {
            Some(member) => Member::clone(member),
            None if epoch == 0 => Member::default(),
            None => return Err(self.unknown_member(id)),
        };
        let fenced = |how: String| {
            let message = format!(
                "The share group member has a {how}. The member must abandon all its partitions and rejoin."
            );
            Err(Refusal::new(ErrorCode::FencedMemberEpoch, message))
        };
        let known = member.epoch;
        let previous = member.previous_epoch;
        if epoch > known && epoch != 0 {
            return fenced(format!(
                "greater member epoch ({epoch}) than the one known by the group coordinator ({known})"
            ));
        }
        // Who is one epoch behind may not have got our last answer.
        if epoch < known && epoch != 0 && epoch != previous {
            return fenced(format!(
                "smaller member epoch ({epoch}) than the one known by the group coordinator ({known}), and it does not \
                 match the previous member epoch ({previous})"
            ));
        }
        Ok(member)
    }

    /// Computes the target assignment of the group's epoch, unless the last one is too fresh.
    fn refresh_target(&mut self) {
        let is_fresh = self.is_fresh(self.group.target_timestamp_ms, self.timing.assignment_interval_ms);
        if self.group.target_epoch >= self.group.epoch || is_fresh {
            return;
        }
        let target = simple::assign(&self.assignor_spec());
        for (member, assignment) in target {
            if self.group.target.get(&member).is_none_or(|before| **before != assignment) {
                let value = target_value(&assignment);
                self.write(ShareRecord::TargetMember(member, Some(value)));
            }
        }
        let value = ShareGroupTargetAssignmentMetadataValue {
            assignment_epoch: self.group.epoch,
            assignment_timestamp: self.step.now_ms,
            ..Default::default()
        };
        self.write(ShareRecord::TargetMetadata(Some(value)));
    }

    fn assignor_spec(&self) -> simple::ShareSpec {
        let mut spec = simple::ShareSpec { is_homogeneous: true, ..Default::default() };
        let everything = self.group.subscribed_names();
        for (id, member) in self.group.members.iter() {
            spec.is_homogeneous &= member.topics.len() == everything.len();
            let topics = member.topics.iter().filter_map(|name| self.cluster.id(name)).collect();
            let current = self.group.target.get(id).map(|target| Assignment::clone(target));
            let current = current.unwrap_or_default();
            spec.members.insert(id.clone(), Subscriber { topics, current, ..Default::default() });
        }
        let state = self.group.state_partitions.as_deref();
        for topic in everything.into_iter().filter_map(|name| self.cluster.id(name)) {
            let count = self.cluster.partition_count(topic).unwrap_or(0);
            let initialized = state.and_then(|state| state.initialized.get(&topic));
            let there = initialized.into_iter().flat_map(|topic| &topic.partitions);
            let there = there.copied().filter(|index| (0..count).contains(index)).collect();
            spec.assignable.insert(topic, there);
        }
        spec
    }

    /// Takes the member to the target, if it is not there, or may be behind its own subscription.
    fn reconcile(&mut self, id: &StrBytes, member: Member, has_changed: bool) -> Member {
        let epoch = self.group.target_epoch;
        if !has_changed && member.is_reconciled_to(epoch) {
            return member;
        }
        let subscribed: BTreeSet<Uuid> =
            member.topics.iter().filter_map(|name| self.cluster.id(name)).collect();
        let target = self.group.target.get(id).map(|target| Assignment::clone(target)).unwrap_or_default();
        let mut next = member.clone();
        if member.epoch != epoch {
            next.state = 0;
            next.epoch = epoch;
            next.previous_epoch = member.epoch;
        }
        next.assigned = target.into_iter().filter(|(topic, _)| subscribed.contains(topic)).collect();
        if next != member {
            self.write(ShareRecord::CurrentMember(id.clone(), Some(next.to_assignment())));
        }
        next
    }
}

impl ShareGroup {
    /// Whether there is a subscribed topic of which other partitions are assigned than have state.
    fn has_unassigned(&self) -> bool {
        let Some(state) = self.state_partitions.as_deref().filter(|_| !self.members.is_empty()) else {
            return false;
        };
        let mut assigned: BTreeMap<Uuid, BTreeSet<i32>> = BTreeMap::new();
        for (topic, partitions) in self.target.values().flat_map(|target| target.iter()) {
            assigned.entry(*topic).or_default().extend(partitions);
        }
        let names = self.subscribed_names();
        let mut subscribed = state.initialized.iter().filter(|(_, topic)| names.contains(&topic.name));
        subscribed.any(|(id, topic)| assigned.get(id) != Some(&topic.partitions))
    }
}

fn target_value(assignment: &Assignment) -> ShareGroupTargetAssignmentMemberValue {
    let topic = |(id, indexes): (&Uuid, &BTreeSet<i32>)| TopicPartition {
        topic_id: *id,
        partitions: indexes.iter().copied().collect(),
        ..Default::default()
    };
    let topic_partitions = assignment.iter().map(topic).collect();
    ShareGroupTargetAssignmentMemberValue { topic_partitions, ..Default::default() }
}

fn response_assignment(assigned: &Assignment) -> ResponseAssignment {
    let topic = |(id, indexes): (&Uuid, &BTreeSet<i32>)| TopicPartitions {
        topic_id: *id,
        partitions: indexes.iter().copied().collect(),
        ..Default::default()
    };
    ResponseAssignment { topic_partitions: assigned.iter().map(topic).collect(), ..Default::default() }
}
