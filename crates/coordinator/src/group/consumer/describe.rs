//! ConsumerGroupDescribe (key 69), v0-1 (KIP-848).
//!
//! * v1 which protocol a member speaks (KIP-1099)

use super::ConsumerGroup;
use super::member::Member;
use crate::cluster::Cluster;
use crate::coordinator::GroupCoordinator;
use crate::group::GroupState;
use crate::java_hash::table_order;
use crate::settings::GroupSettings;
use klamm_protocol::api::consumer_group_describe::{
    Assignment, DescribedGroup, Member as DescribedMember, TopicPartitions,
};
use klamm_protocol::{ErrorCode, StrBytes, Uuid};
use std::collections::BTreeMap;

impl GroupCoordinator {
    /// Describes one group, as far as it is committed.
    pub(crate) fn describe_consumer_group(&self, id: &StrBytes, cluster: &dyn Cluster) -> DescribedGroup {
        let what = match self.committed_state().group(id) {
            Some(GroupState::Consumer(group)) => return group.describe(id, self.settings(), cluster),
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
    fn describe(&self, id: &StrBytes, settings: &GroupSettings, cluster: &dyn Cluster) -> DescribedGroup {
        let mut members: Vec<_> =
            self.members.iter().map(|(id, member)| self.describe_member(id, member, cluster)).collect();
        members.sort_by_cached_key(|member| table_order(&member.member_id));
        DescribedGroup {
            group_id: id.clone(),
            group_state: StrBytes::from(self.state().name()),
            group_epoch: self.epoch,
            assignment_epoch: self.target_epoch,
            assignor_name: StrBytes::from(self.preferred_assignor(settings).name()),
            members,
            ..Default::default()
        }
    }

    fn describe_member(&self, id: &StrBytes, member: &Member, cluster: &dyn Cluster) -> DescribedMember {
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
            assignment: describe_partitions(member.all_partitions(), cluster),
            target_assignment: describe_partitions(target, cluster),
            member_type: i8::from(!member.uses_classic_protocol()),
            ..Default::default()
        }
    }
}

/// Topics that are gone have no name and are left out.
fn describe_partitions(partitions: impl Iterator<Item = (Uuid, i32)>, cluster: &dyn Cluster) -> Assignment {
    let mut by_topic: BTreeMap<Uuid, Vec<i32>> = BTreeMap::new();
    for (topic, index) in partitions {
        by_topic.entry(topic).or_default().push(index);
    }
    let described = by_topic.into_iter().filter_map(|(topic_id, partitions)| {
        let topic_name = cluster.name(topic_id)?;
        Some(TopicPartitions { topic_id, topic_name, partitions, ..Default::default() })
    });
    Assignment { topic_partitions: described.collect(), ..Default::default() }
}
