//! A member of a consumer group.

use klamm_protocol::coordinator::group::consumer_group_current_member_assignment::TopicPartitions;
use klamm_protocol::coordinator::group::consumer_group_member_metadata::ClassicMemberMetadata;
use klamm_protocol::coordinator::group::{
    ConsumerGroupCurrentMemberAssignmentValue, ConsumerGroupMemberMetadataValue,
};
use klamm_protocol::{StrBytes, Uuid};
use std::collections::{BTreeMap, BTreeSet};

/// Partitions by topic id, each with the member's epoch when it got it; no topic without partitions.
pub(crate) type Partitions = BTreeMap<Uuid, BTreeMap<i32, i32>>;

/// Where a member is between what it has and what it is to have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum MemberState {
    /// It has what its epoch's target says.
    #[default]
    Stable,
    /// It has to give up partitions before it gets a new epoch.
    UnrevokedPartitions,
    /// It waits for partitions that others have to give up.
    UnreleasedPartitions,
    /// Written by a newer broker.
    Unknown,
}

impl MemberState {
    pub(crate) const fn code(self) -> i8 {
        match self {
            Self::Stable => 0,
            Self::UnrevokedPartitions => 1,
            Self::UnreleasedPartitions => 2,
            Self::Unknown => 127,
        }
    }

    pub(crate) const fn from_code(code: i8) -> Self {
        match code {
            0 => Self::Stable,
            1 => Self::UnrevokedPartitions,
            2 => Self::UnreleasedPartitions,
            _ => Self::Unknown,
        }
    }
}

/// A member of a consumer group.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Member {
    pub(crate) instance: Option<StrBytes>,
    pub(crate) rack: Option<StrBytes>,
    pub(crate) client_id: StrBytes,
    pub(crate) client_host: StrBytes,
    pub(crate) topics: BTreeSet<StrBytes>,
    pub(crate) regex: Option<StrBytes>,
    pub(crate) rebalance_timeout_ms: i32,
    pub(crate) assignor: Option<StrBytes>,
    /// Set if it speaks the classic protocol.
    pub(crate) classic: Option<ClassicMemberMetadata>,
    pub(crate) epoch: i32,
    pub(crate) previous_epoch: i32,
    pub(crate) state: MemberState,
    pub(crate) assigned: Partitions,
    pub(crate) pending_revocation: Partitions,
}

impl Default for Member {
    fn default() -> Self {
        Self {
            instance: None,
            rack: None,
            client_id: StrBytes::default(),
            client_host: StrBytes::default(),
            topics: BTreeSet::new(),
            regex: Some(StrBytes::default()),
            rebalance_timeout_ms: -1,
            assignor: None,
            classic: None,
            epoch: 0,
            previous_epoch: -1,
            state: MemberState::Stable,
            assigned: Partitions::new(),
            pending_revocation: Partitions::new(),
        }
    }
}

impl Member {
    pub(crate) fn is_reconciled_to(&self, epoch: i32) -> bool {
        self.state == MemberState::Stable && self.epoch == epoch
    }

    pub(crate) fn uses_classic_protocol(&self) -> bool {
        self.classic.is_some()
    }

    /// The epoch in which the member got a partition that it has or is giving up.
    pub(crate) fn assignment_epoch(&self, topic: Uuid, partition: i32) -> Option<i32> {
        let find = |partitions: &Partitions| partitions.get(&topic)?.get(&partition).copied();
        find(&self.assigned).or_else(|| find(&self.pending_revocation))
    }

    pub(crate) fn all_partitions(&self) -> impl Iterator<Item = (Uuid, i32)> {
        let both = self.assigned.iter().chain(&self.pending_revocation);
        both.flat_map(|(topic, partitions)| partitions.keys().map(move |index| (*topic, *index)))
    }

    pub(crate) fn read_metadata(&mut self, value: &ConsumerGroupMemberMetadataValue) {
        self.instance = value.instance_id.as_ref().map(StrBytes::detached);
        self.rack = value.rack_id.as_ref().map(StrBytes::detached);
        self.client_id = value.client_id.detached();
        self.client_host = value.client_host.detached();
        self.topics = value.subscribed_topic_names.iter().map(StrBytes::detached).collect();
        self.regex = value.subscribed_topic_regex.as_ref().map(StrBytes::detached);
        self.rebalance_timeout_ms = value.rebalance_timeout_ms;
        self.assignor = value.server_assignor.as_ref().map(StrBytes::detached);
        self.classic.clone_from(&value.classic_member_metadata);
    }

    pub(crate) fn to_metadata(&self) -> ConsumerGroupMemberMetadataValue {
        ConsumerGroupMemberMetadataValue {
            instance_id: self.instance.clone(),
            rack_id: self.rack.clone(),
            client_id: self.client_id.clone(),
            client_host: self.client_host.clone(),
            subscribed_topic_names: self.topics.iter().cloned().collect(),
            subscribed_topic_regex: self.regex.clone(),
            rebalance_timeout_ms: self.rebalance_timeout_ms,
            server_assignor: self.assignor.clone(),
            classic_member_metadata: self.classic.clone(),
            ..ConsumerGroupMemberMetadataValue::default()
        }
    }

    pub(crate) fn read_assignment(&mut self, value: &ConsumerGroupCurrentMemberAssignmentValue) {
        self.epoch = value.member_epoch;
        self.previous_epoch = value.previous_member_epoch;
        self.state = MemberState::from_code(value.state);
        self.assigned = read_partitions(&value.assigned_partitions, value.member_epoch);
        self.pending_revocation = read_partitions(&value.partitions_pending_revocation, value.member_epoch);
    }

    pub(crate) fn to_assignment(&self) -> ConsumerGroupCurrentMemberAssignmentValue {
        ConsumerGroupCurrentMemberAssignmentValue {
            member_epoch: self.epoch,
            previous_member_epoch: self.previous_epoch,
            state: self.state.code(),
            assigned_partitions: write_partitions(&self.assigned),
            partitions_pending_revocation: write_partitions(&self.pending_revocation),
            ..ConsumerGroupCurrentMemberAssignmentValue::default()
        }
    }
}

/// Before 4.3 the epochs of partitions were not written; the member's own is the safe guess.
fn read_partitions(topics: &[TopicPartitions], member_epoch: i32) -> Partitions {
    let mut partitions = Partitions::new();
    for topic in topics.iter().filter(|topic| !topic.partitions.is_empty()) {
        let epochs =
            topic.assignment_epochs.as_deref().filter(|epochs| epochs.len() == topic.partitions.len());
        let epoch = |at: usize| epochs.and_then(|epochs| epochs.get(at).copied()).unwrap_or(member_epoch);
        let with_epochs = topic.partitions.iter().enumerate().map(|(at, index)| (*index, epoch(at)));
        partitions.entry(topic.topic_id).or_default().extend(with_epochs);
    }
    partitions
}

fn write_partitions(partitions: &Partitions) -> Vec<TopicPartitions> {
    let topic = |(id, partitions): (&Uuid, &BTreeMap<i32, i32>)| TopicPartitions {
        topic_id: *id,
        partitions: partitions.keys().copied().collect(),
        assignment_epochs: Some(partitions.values().copied().collect()),
        ..TopicPartitions::default()
    };
    partitions.iter().map(topic).collect()
}
