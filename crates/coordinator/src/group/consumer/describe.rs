//! ConsumerGroupDescribe (key 69), v0-1 (KIP-848).
//!
//! * v1 which protocol a member speaks (KIP-1099)

use super::ConsumerGroup;
use super::member::Member;
use crate::coordinator::GroupCoordinator;
use crate::group::GroupState;
use crate::settings::GroupSettings;
use crate::topics::Topics;
use klamm_protocol::api::consumer_group_describe::{
    Assignment, DescribedGroup, Member as DescribedMember, TopicPartitions,
};
use klamm_protocol::{ErrorCode, StrBytes, Uuid};
use std::collections::BTreeMap;

impl GroupCoordinator {
    /// Describes one group, as far as it is committed.
    pub(crate) fn describe_consumer_group(&self, id: &StrBytes, topics: &dyn Topics) -> DescribedGroup {
        let what = match self.committed_state().group(id) {
            Some(GroupState::Consumer(group)) => return group.describe(id, self.settings(), topics),
            Some(_) => "is not a consumer group",
            None => "not found",
        };
        DescribedGroup {
            group_id: id.clone(),
            error_code: ErrorCode::GroupIdNotFound.code(),
            error_message: Some(StrBytes::from(format!("Group {id} {what}."))),
            ..Default::default()
        }
    }
}

impl ConsumerGroup {
    fn describe(&self, id: &StrBytes, settings: &GroupSettings, topics: &dyn Topics) -> DescribedGroup {
        DescribedGroup {
            group_id: id.clone(),
            group_state: StrBytes::from(self.state().name()),
            group_epoch: self.epoch,
            assignment_epoch: self.target_epoch,
            assignor_name: StrBytes::from(self.preferred_assignor(settings).name()),
            members: self
                .members
                .iter()
                .map(|(id, member)| self.describe_member(id, member, topics))
                .collect(),
            ..Default::default()
        }
    }

    fn describe_member(&self, id: &StrBytes, member: &Member, topics: &dyn Topics) -> DescribedMember {
        let target = self.target_of(id);
        let target =
            target.iter().flat_map(|(topic, indexes)| indexes.iter().map(move |index| (*topic, *index)));
        DescribedMember {
            member_id: id.clone(),
            instance_id: member.instance.clone(),
            rack_id: member.rack.clone(),
            member_epoch: member.epoch,
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            subscribed_topic_names: member.topics.iter().cloned().collect(),
            subscribed_topic_regex: member.regex.clone(),
            assignment: describe_partitions(member.all_partitions(), topics),
            target_assignment: describe_partitions(target, topics),
            member_type: i8::from(!member.uses_classic_protocol()),
            ..Default::default()
        }
    }
}

/// Topics that are gone have no name and are left out.
fn describe_partitions(partitions: impl Iterator<Item = (Uuid, i32)>, topics: &dyn Topics) -> Assignment {
    let mut by_topic: BTreeMap<Uuid, Vec<i32>> = BTreeMap::new();
    for (topic, index) in partitions {
        by_topic.entry(topic).or_default().push(index);
    }
    let described = by_topic.into_iter().filter_map(|(topic_id, partitions)| {
        let topic_name = topics.name(topic_id)?;
        Some(TopicPartitions { topic_id, topic_name, partitions, ..Default::default() })
    });
    Assignment { topic_partitions: described.collect(), ..Default::default() }
}
