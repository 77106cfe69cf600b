//! What the decisions on consumer groups have in common.

use super::ConsumerGroup;
use super::member::Member;
use crate::cluster::Cluster;
use crate::effect::TimerKey;
use crate::group::assignor::{Assignment, Assignor, GroupSpec, Subscriber};
use crate::group::draft;
use crate::record::{ConsumerRecord, GroupRecord};
use crate::settings::{ConsumerTiming, GroupSettings};
use klamm_protocol::StrBytes;
use klamm_protocol::coordinator::group::consumer_group_target_assignment_member::TopicPartition;
use klamm_protocol::coordinator::group::{
    ConsumerGroupMetadataValue, ConsumerGroupTargetAssignmentMemberValue,
    ConsumerGroupTargetAssignmentMetadataValue,
};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// See [`draft::Draft`].
pub(crate) type Draft<'a> = draft::Draft<'a, ConsumerGroup>;

impl draft::Written for ConsumerGroup {
    type Record = ConsumerRecord;
    type Timing = ConsumerTiming;

    fn replay(&mut self, record: &ConsumerRecord) {
        Self::replay(self, record);
    }

    fn record_of(group: StrBytes, record: ConsumerRecord) -> GroupRecord {
        GroupRecord::Consumer { group, record }
    }

    fn timing(id: &str, cluster: &dyn Cluster, settings: &GroupSettings) -> ConsumerTiming {
        cluster.consumer_timing(id).unwrap_or(settings.consumer_timing)
    }
}

impl Draft<'_> {
    /// Raises the group's epoch if asked to, or if the subscribed topics have changed.
    pub(super) fn refresh_epoch(&mut self, must_bump: bool) {
        let metadata_hash = self.group.compute_metadata_hash(self.cluster);
        if must_bump || metadata_hash != self.group.metadata_hash {
            let epoch = self.group.epoch.saturating_add(1);
            let value = ConsumerGroupMetadataValue { epoch, metadata_hash, ..Default::default() };
            self.write(ConsumerRecord::Metadata(Some(value)));
        }
        if self.group.has_partition_metadata {
            self.write(ConsumerRecord::PartitionMetadata(false));
        }
    }

    /// Computes the target assignment of the group's epoch, unless the last one is too fresh.
    pub(super) fn refresh_target(&mut self) {
        let is_fresh = self.is_fresh(self.group.target_timestamp_ms, self.timing.assignment_interval_ms);
        if self.group.target_epoch >= self.group.epoch || is_fresh {
            return;
        }
        let target = self.assignor().assign(&self.assignor_spec());
        for (member, assignment) in target {
            if self.group.target.get(&member).is_none_or(|before| **before != assignment) {
                let value = target_value(&assignment);
                self.write(ConsumerRecord::TargetMember(member, Some(value)));
            }
        }
        let value = ConsumerGroupTargetAssignmentMetadataValue {
            assignment_epoch: self.group.epoch,
            assignment_timestamp: self.step.now_ms,
            ..Default::default()
        };
        self.write(ConsumerRecord::TargetMetadata(Some(value)));
    }

    fn assignor(&self) -> Assignor {
        self.group.preferred_assignor(self.settings)
    }

    fn assignor_spec(&self) -> GroupSpec {
        let mut spec = GroupSpec::default();
        for (name, id) in self.group.subscribed_topics(self.cluster) {
            debug_assert!(self.cluster.name(id).is_some_and(|known| known == name));
            spec.partition_counts.insert(id, self.cluster.partition_count(id).unwrap_or(0));
        }
        for (id, member) in self.group.members.iter() {
            let topics = self.group.topics_of(member).filter_map(|name| self.cluster.id(name)).collect();
            let current = self.group.target_of(id);
            spec.members
                .insert(id.clone(), Subscriber { instance: member.instance.clone(), topics, current });
        }
        spec
    }

    /// Removes members, which raises the group's epoch, or makes a classic group of it.
    pub(super) fn remove(&mut self, members: &[StrBytes]) {
        if self.is_to_downgrade_without(members) {
            return self.downgrade(members, true);
        }
        for id in members {
            self.write(ConsumerRecord::CurrentMember(id.clone(), None));
            self.write(ConsumerRecord::TargetMember(id.clone(), None));
            self.write(ConsumerRecord::Member(id.clone(), None));
            timers_of(&self.id, id).into_iter().for_each(|key| self.step.cancel_timer(key));
        }
        self.remove_unused_regexes();
        self.refresh_epoch(true);
    }

    pub(super) fn set_session_timer(&mut self, member: &StrBytes) {
        let timeout_ms = self.timing.session_timeout_ms;
        self.step.set_timer(session_key(&self.id, member), timeout_ms.into());
    }

    /// Members that speak the classic protocol have other timers.
    pub(super) fn set_rebalance_timer(&mut self, id: &StrBytes, member: &Member) {
        if member.uses_classic_protocol() {
            return;
        }
        let key = rebalance_key(&self.id, id);
        if member.state == super::MemberState::UnrevokedPartitions {
            self.step.set_timer(key, member.rebalance_timeout_ms.into());
        } else {
            self.step.cancel_timer(key);
        }
    }
}

impl ConsumerGroup {
    /// The assignor that most members ask for, of those that the broker offers (`group.consumer.assignors`); of two that as
    /// many ask for, uniform; if nobody asks for one, the first of the broker's.
    pub(super) fn preferred_assignor(&self, settings: &GroupSettings) -> Assignor {
        let offered: Vec<_> =
            settings.consumer_assignors.iter().filter_map(|name| Assignor::from_name(name)).collect();
        let mut votes: BTreeMap<Assignor, usize> = BTreeMap::new();
        for name in self.members.values().filter_map(|member| member.assignor.as_ref()) {
            // Members of an earlier run of the broker may have asked for what it does not offer any more.
            if let Some(assignor) = Assignor::from_name(name).filter(|assignor| offered.contains(assignor)) {
                *votes.entry(assignor).or_default() += 1;
            }
        }
        let preferred = votes.into_iter().max_by_key(|(assignor, count)| (*count, Reverse(*assignor)));
        preferred.map(|(assignor, _)| assignor).or(offered.first().copied()).unwrap_or_default()
    }

    /// The records that delete the group.
    pub(crate) fn tombstones(&self) -> Vec<ConsumerRecord> {
        let ids = || self.members.keys().cloned();
        let mut records: Vec<_> = ids().map(|id| ConsumerRecord::CurrentMember(id, None)).collect();
        records.extend(ids().map(|id| ConsumerRecord::TargetMember(id, None)));
        records.push(ConsumerRecord::TargetMetadata(None));
        records.extend(ids().map(|id| ConsumerRecord::Member(id, None)));
        records.extend(self.regexes.keys().map(|regex| ConsumerRecord::Regex(regex.clone(), None)));
        records.push(ConsumerRecord::PartitionMetadata(false));
        records.push(ConsumerRecord::Metadata(None));
        records
    }
}

pub(super) fn target_value(assignment: &Assignment) -> ConsumerGroupTargetAssignmentMemberValue {
    let topic = |(id, indexes): (&klamm_protocol::Uuid, &std::collections::BTreeSet<i32>)| TopicPartition {
        topic_id: *id,
        partitions: indexes.iter().copied().collect(),
        ..Default::default()
    };
    let topic_partitions = assignment.iter().map(topic).collect();
    ConsumerGroupTargetAssignmentMemberValue { topic_partitions, ..Default::default() }
}

pub(super) fn session_key(group: &StrBytes, member: &StrBytes) -> TimerKey {
    TimerKey::ConsumerSession { group: group.clone(), member: member.clone() }
}

pub(super) fn rebalance_key(group: &StrBytes, member: &StrBytes) -> TimerKey {
    TimerKey::ConsumerRebalance { group: group.clone(), member: member.clone() }
}

pub(super) fn join_key(group: &StrBytes, member: &StrBytes) -> TimerKey {
    TimerKey::ConsumerJoin { group: group.clone(), member: member.clone() }
}

pub(super) fn sync_key(group: &StrBytes, member: &StrBytes) -> TimerKey {
    TimerKey::ConsumerSync { group: group.clone(), member: member.clone() }
}

/// Every timer that a member can have.
pub(super) fn timers_of(group: &StrBytes, member: &StrBytes) -> [TimerKey; 4] {
    [
        session_key(group, member),
        rebalance_key(group, member),
        join_key(group, member),
        sync_key(group, member),
    ]
}
