//! Groups that go from one protocol to the other while their members are at work (KIP-848): a classic group becomes a
//! consumer group when the first member comes with the new protocol, and a consumer group becomes a classic one when the
//! last such member has gone. `group.consumer.migration.policy` says which way is open.

use super::decide::{Draft, session_key, target_value};
use super::member::{Member, Partitions};
use super::{ConsumerGroup, MemberState};
use crate::cluster::Cluster;
use crate::effect::{Continuation, Step};
use crate::group::assignor::Assignment;
use crate::group::classic::{Classic, Member as ClassicMember};
use crate::group::embedded;
use crate::group::refusal::Refusal;
use crate::record::{ConsumerRecord, GroupRecord};
use crate::settings::GroupSettings;
use bytes::Bytes;
use klamm_protocol::coordinator::group::consumer_group_member_metadata::{
    ClassicMemberMetadata, ClassicProtocol,
};
use klamm_protocol::coordinator::group::{
    ConsumerGroupMetadataValue, ConsumerGroupTargetAssignmentMetadataValue,
};
use klamm_protocol::{ErrorCode, StrBytes};

/// Writes the records that make a classic group a consumer group with the same members and assignments, and sets their
/// sessions going. What is parked in the classic group is the caller's to refuse.
pub(super) fn upgrade(
    id: &StrBytes,
    classic: &Classic,
    settings: &GroupSettings,
    cluster: &dyn Cluster,
    step: &mut Step,
) -> Result<ConsumerGroup, Refusal> {
    let refuse = |why: &str| {
        let message = format!("Cannot upgrade classic group {id} to consumer group because {why}.");
        Refusal::new(ErrorCode::GroupIdNotFound, message)
    };
    if !settings.consumer_migration.upgrades {
        return Err(refuse("online upgrade is disabled"));
    } else if !classic.is_of_consumers() {
        return Err(refuse("the group does not use the consumer embedded protocol"));
    } else if classic.members().count() > settings.consumer_size_max {
        return Err(refuse("the group size exceeds the consumer group maximum size"));
    }
    let protocol = classic.current_protocol();
    let members: Result<Vec<_>, Refusal> = classic
        .members()
        .map(|member| {
            Ok((member.id.clone(), read_member(member, classic, protocol.as_ref(), cluster, &refuse)?))
        })
        .collect();
    let members = members?;
    step.record(GroupRecord::group_tombstone(id.clone()));
    let mut group = ConsumerGroup::default();
    let mut write = |group: &mut ConsumerGroup, record: ConsumerRecord| {
        group.replay(&record);
        step.record(GroupRecord::Consumer { group: id.clone(), record });
    };
    for (member_id, (member, _)) in &members {
        let value = Box::new(member.to_metadata());
        write(&mut group, ConsumerRecord::Member(member_id.clone(), Some(value)));
    }
    let metadata_hash = group.compute_metadata_hash(cluster);
    let epoch = classic.generation();
    let value = ConsumerGroupMetadataValue { epoch, metadata_hash, ..Default::default() };
    write(&mut group, ConsumerRecord::Metadata(Some(value)));
    for (member_id, (_, target)) in &members {
        let value = target_value(target);
        write(&mut group, ConsumerRecord::TargetMember(member_id.clone(), Some(value)));
    }
    // A time of zero: the next assignment need not wait.
    let value = ConsumerGroupTargetAssignmentMetadataValue { assignment_epoch: epoch, ..Default::default() };
    write(&mut group, ConsumerRecord::TargetMetadata(Some(value)));
    for (member_id, (member, _)) in &members {
        write(&mut group, ConsumerRecord::CurrentMember(member_id.clone(), Some(member.to_assignment())));
    }
    for (member_id, (member, _)) in &members {
        let timeout_ms = member.classic.as_ref().map_or(0, |classic| classic.session_timeout_ms);
        step.set_timer(session_key(id, member_id), timeout_ms.into());
    }
    Ok(group)
}

/// A classic member as it is in a consumer group, stable with what it has been assigned.
fn read_member(
    member: &ClassicMember,
    group: &Classic,
    protocol: Option<&StrBytes>,
    cluster: &dyn Cluster,
    refuse: &dyn Fn(&str) -> Refusal,
) -> Result<(Member, Assignment), Refusal> {
    let malformed = |_| refuse("the embedded consumer protocol is malformed");
    let mut assigned = Assignment::new();
    // Who has just joined has none.
    if !member.assignment.is_empty() {
        let assignment = embedded::read_assignment(&member.assignment).map_err(malformed)?;
        if assignment.user_data.is_some_and(|bytes| !bytes.is_empty()) {
            let why = "an unsupported custom assignor is in use. Please refer to the documentation or switch to a \
                       default assignor before re-attempting the upgrade";
            return Err(refuse(why));
        }
        let topics = assignment.assigned_partitions.iter();
        assigned = embedded::by_topic_id(topics.map(|topic| (&topic.topic, &topic.partitions)), cluster);
    }
    let subscription = embedded::read_subscription(&member.metadata(protocol)).map_err(malformed)?;
    let epoch = group.generation();
    let member = Member {
        instance: member.instance.clone(),
        rack: subscription.rack_id.filter(|rack| !rack.is_empty()),
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        topics: subscription.topics.into_iter().collect(),
        rebalance_timeout_ms: member.rebalance_timeout_ms,
        classic: Some(classic_metadata(member.session_timeout_ms, &member.protocols)),
        epoch,
        previous_epoch: epoch,
        state: MemberState::Stable,
        assigned: with_epoch(&assigned, epoch),
        ..Member::default()
    };
    Ok((member, assigned))
}

/// What a member's record keeps of the classic protocol. Copied: the bytes are slices of a request.
pub(super) fn classic_metadata(
    session_timeout_ms: i32,
    protocols: &[(StrBytes, Bytes)],
) -> ClassicMemberMetadata {
    let protocol = |(name, metadata): &(StrBytes, Bytes)| ClassicProtocol {
        name: name.detached(),
        metadata: Bytes::copy_from_slice(metadata),
        ..Default::default()
    };
    let supported_protocols = protocols.iter().map(protocol).collect();
    ClassicMemberMetadata { session_timeout_ms, supported_protocols, ..Default::default() }
}

fn with_epoch(assignment: &Assignment, epoch: i32) -> Partitions {
    let topics = assignment.iter();
    topics.map(|(id, indexes)| (*id, indexes.iter().map(|index| (*index, epoch)).collect())).collect()
}

impl ConsumerGroup {
    /// Whether everybody but these members speaks the classic protocol.
    fn is_classic_without(&self, leaving: &[StrBytes]) -> bool {
        let stays = |(id, _): &(&StrBytes, _)| !leaving.contains(id);
        self.members.iter().filter(stays).all(|(_, member)| member.uses_classic_protocol())
    }
}

impl Draft<'_> {
    /// Whether the group is to become a classic one when these members have gone.
    pub(super) fn is_to_downgrade_without(&self, leaving: &[StrBytes]) -> bool {
        let count = self.group.members.size().saturating_sub(leaving.len());
        count > 0
            && self.settings.consumer_migration.downgrades
            && count <= self.settings.classic_size_max
            && self.group.is_classic_without(leaving)
    }

    /// Whether the group is to become a classic one when this member comes back with the classic protocol.
    pub(super) fn is_to_downgrade_with(&self, id: &StrBytes, member: &Member) -> bool {
        !member.uses_classic_protocol()
            && self.settings.consumer_migration.downgrades
            && self.group.members.size() <= self.settings.classic_size_max
            && self.group.is_classic_without(std::slice::from_ref(id))
    }

    /// Makes a classic group of all but those who leave; it is in memory at once, and the caller has to put it there.
    pub(super) fn downgrade(&mut self, leaving: &[StrBytes], must_rebalance: bool) {
        for record in self.group.tombstones() {
            self.step.record(GroupRecord::Consumer { group: self.id.clone(), record });
        }
        for id in self.group.members.keys() {
            super::decide::timers_of(&self.id, id).into_iter().for_each(|key| self.step.cancel_timer(key));
        }
        let stays = |(id, _): &(&StrBytes, _)| !leaving.contains(id);
        let members = self.group.members.iter().filter(stays);
        let members = members.map(|(id, member)| classic_member(id, member)).collect();
        let assignment = |member: &ClassicMember, subscription: &Bytes| {
            embedded::write_assignment(&self.group.target_of(&member.id), subscription, self.cluster)
        };
        let name = (self.id.clone(), self.group.epoch);
        let mut classic = Classic::migrated(name, members, self.step.now_ms, assignment);
        classic.begin_migrated(must_rebalance, self.settings, self.step);
        self.step.then(Continuation::Downgraded { group: self.id.clone() });
        self.became = Some(classic);
    }
}

fn classic_member(id: &StrBytes, member: &Member) -> ClassicMember {
    let classic = member.classic.as_ref();
    let protocols = classic.into_iter().flat_map(|classic| &classic.supported_protocols);
    ClassicMember {
        id: id.clone(),
        instance: member.instance.clone(),
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        rebalance_timeout_ms: member.rebalance_timeout_ms,
        session_timeout_ms: classic.map_or(0, |classic| classic.session_timeout_ms),
        protocol_type: StrBytes::from(crate::group::classic::CONSUMER_PROTOCOL_TYPE),
        protocols: protocols.map(|protocol| (protocol.name.clone(), protocol.metadata.clone())).collect(),
        assignment: Bytes::new(),
        awaiting_join: None,
        awaiting_sync: None,
        is_new: false,
    }
}
