//! A member of a share group.

use crate::group::assignor::Assignment;
use klamm_protocol::coordinator::group::share_group_current_member_assignment::TopicPartitions;
use klamm_protocol::coordinator::group::{
    ShareGroupCurrentMemberAssignmentValue, ShareGroupMemberMetadataValue,
};
use klamm_protocol::{StrBytes, Uuid};
use std::collections::BTreeSet;

/// A member of a share group.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Member {
    pub(super) rack: Option<StrBytes>,
    pub(super) client_id: StrBytes,
    pub(super) client_host: StrBytes,
    pub(super) topics: BTreeSet<StrBytes>,
    pub(super) epoch: i32,
    pub(super) previous_epoch: i32,
    /// Always 0, stable; kept as it is read.
    pub(super) state: i8,
    pub(super) assigned: Assignment,
}

impl Default for Member {
    fn default() -> Self {
        Self {
            rack: None,
            client_id: StrBytes::default(),
            client_host: StrBytes::default(),
            topics: BTreeSet::new(),
            epoch: 0,
            previous_epoch: -1,
            state: 0,
            assigned: Assignment::new(),
        }
    }
}

impl Member {
    pub(super) fn is_reconciled_to(&self, epoch: i32) -> bool {
        self.state == 0 && self.epoch == epoch
    }

    pub(super) fn read_metadata(&mut self, value: &ShareGroupMemberMetadataValue) {
        self.rack = value.rack_id.as_ref().map(StrBytes::detached);
        self.client_id = value.client_id.detached();
        self.client_host = value.client_host.detached();
        self.topics = value.subscribed_topic_names.iter().map(StrBytes::detached).collect();
    }

    pub(super) fn to_metadata(&self) -> ShareGroupMemberMetadataValue {
        ShareGroupMemberMetadataValue {
            rack_id: self.rack.clone(),
            client_id: self.client_id.clone(),
            client_host: self.client_host.clone(),
            subscribed_topic_names: self.topics.iter().cloned().collect(),
            ..Default::default()
        }
    }

    pub(super) fn read_assignment(&mut self, value: &ShareGroupCurrentMemberAssignmentValue) {
        self.epoch = value.member_epoch;
        self.previous_epoch = value.previous_member_epoch;
        self.state = value.state;
        let topics = value.assigned_partitions.iter().filter(|topic| !topic.partitions.is_empty());
        self.assigned =
            topics.map(|topic| (topic.topic_id, topic.partitions.iter().copied().collect())).collect();
    }

    pub(super) fn to_assignment(&self) -> ShareGroupCurrentMemberAssignmentValue {
        let topic = |(id, indexes): (&Uuid, &BTreeSet<i32>)| TopicPartitions {
            topic_id: *id,
            partitions: indexes.iter().copied().collect(),
            ..Default::default()
        };
        ShareGroupCurrentMemberAssignmentValue {
            member_epoch: self.epoch,
            previous_member_epoch: self.previous_epoch,
            state: self.state,
            assigned_partitions: self.assigned.iter().map(topic).collect(),
            ..Default::default()
        }
    }
}
