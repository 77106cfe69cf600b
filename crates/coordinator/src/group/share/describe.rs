//! ShareGroupDescribe (key 77), v1 (KIP-932).

use super::ShareGroup;
use super::member::Member;
use crate::cluster::Cluster;
use crate::coordinator::GroupCoordinator;
use crate::group::GroupState;
use crate::group::assignor::simple;
use crate::java_hash::table_order;
use klamm_protocol::api::share_group_describe::{
    Assignment, DescribedGroup, Member as DescribedMember, TopicPartitions,
};
use klamm_protocol::{ErrorCode, StrBytes};

impl GroupCoordinator {
    /// Describes one group, as far as it is committed.
    pub(crate) fn describe_share_group(&self, id: &StrBytes, cluster: &dyn Cluster) -> DescribedGroup {
        let what = match self.committed_state().group(id) {
            Some(GroupState::Share(group)) => return group.describe(id, cluster),
            Some(_) => "is not a share group",
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

impl ShareGroup {
    fn describe(&self, id: &StrBytes, cluster: &dyn Cluster) -> DescribedGroup {
        let mut members: Vec<_> =
            self.members.iter().map(|(id, member)| describe_member(id, member, cluster)).collect();
        members.sort_by_cached_key(|member| table_order(&member.member_id));
        DescribedGroup {
            group_id: id.clone(),
            group_state: StrBytes::from(self.state().name()),
            group_epoch: self.epoch,
            assignment_epoch: self.target_epoch,
            assignor_name: StrBytes::from(simple::NAME),
            members,
            ..Default::default()
        }
    }
}

/// Topics that are gone have no name and are left out.
fn describe_member(id: &StrBytes, member: &Member, cluster: &dyn Cluster) -> DescribedMember {
    let described = member.assigned.iter().filter_map(|(topic_id, partitions)| {
        let topic_name = cluster.name(*topic_id)?;
        let partitions = partitions.iter().copied().collect();
        Some(TopicPartitions { topic_id: *topic_id, topic_name, partitions, ..Default::default() })
    });
    DescribedMember {
        member_id: id.clone(),
        rack_id: member.rack.clone(),
        member_epoch: member.epoch,
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        subscribed_topic_names: member.topics.iter().cloned().collect(),
        assignment: Assignment { topic_partitions: described.collect(), ..Default::default() },
        ..Default::default()
    }
}
