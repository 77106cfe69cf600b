//! Describing share groups; reading, setting and deleting their offsets.

use std::collections::{BTreeMap, BTreeSet};

use klamm_protocol::{
    ErrorCode, StrBytes,
    api::{
        alter_share_group_offsets::{
            AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsRequestPartition,
            AlterShareGroupOffsetsRequestTopic,
        },
        delete_share_group_offsets::{DeleteShareGroupOffsetsRequest, DeleteShareGroupOffsetsRequestTopic},
        describe_share_group_offsets::{
            DescribeShareGroupOffsetsRequest, DescribeShareGroupOffsetsRequestGroup,
        },
        share_group_describe::{DescribedGroup, ShareGroupDescribeRequest},
    },
};

use crate::{
    ClientError, TopicPartition,
    admin::{Admin, NodeDescription},
};

/// A share group with its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareGroupDescription {
    /// Its id.
    pub group_id: String,
    /// Its state, as Kafka names it: `Empty`, `Stable` or `Dead`.
    pub state: String,
    /// The broker that coordinates it.
    pub coordinator: NodeDescription,
    /// Its epoch.
    pub group_epoch: i32,
    /// The epoch of its target assignment.
    pub assignment_epoch: i32,
    /// Its members, in the order of the answer.
    pub members: Vec<ShareGroupMember>,
}

/// A member of a share group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareGroupMember {
    /// Its id.
    pub member_id: String,
    /// Its client's name.
    pub client_id: String,
    /// Its client's address.
    pub host: String,
    /// Its epoch.
    pub epoch: i32,
    /// What it may be given records of.
    pub assignment: BTreeSet<TopicPartition>,
}

/// How far a share group is in a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShareOffset {
    /// The first offset that is not done with.
    pub start_offset: i64,
    /// The epoch of the partition's leader.
    pub leader_epoch: Option<i32>,
    /// How many records are not done with.
    pub lag: Option<i64>,
}

/// Share groups.
impl Admin {
    /// Describes share groups.
    ///
    /// # Errors
    /// Per group: if it does not exist, or is no share group.
    pub async fn describe_share_groups(
        &self,
        groups: &[String],
    ) -> BTreeMap<String, Result<ShareGroupDescription, ClientError>> {
        let mut found = BTreeMap::new();
        for group in groups {
            found.insert(group.clone(), self.describe_share_group(group).await);
        }
        found
    }

    async fn describe_share_group(&self, group: &str) -> Result<ShareGroupDescription, ClientError> {
        let group_ids = vec![StrBytes::from(group.to_owned())];
        let request = ShareGroupDescribeRequest { group_ids, ..Default::default() };
        self.at_coordinator("describing a share group", group, async |node| {
            let answer = self.cluster().call_node(node, &request).await?;
            let Some(described) = answer.groups.first() else {
                return Err(ClientError::Broker { code: ErrorCode::GroupIdNotFound, message: None });
            };
            ClientError::check(described.error_code, described.error_message.as_deref())?;
            Ok(description(described, self.node(node)))
        })
        .await
    }

    /// How far a share group is in all its partitions; `None` where it has not begun.
    ///
    /// # Errors
    /// If the group does not exist, or its coordinator does not answer.
    pub async fn share_group_offsets(
        &self,
        group: &str,
    ) -> Result<BTreeMap<TopicPartition, Option<ShareOffset>>, ClientError> {
        let asked = DescribeShareGroupOffsetsRequestGroup {
            group_id: group.into(),
            topics: None,
            ..Default::default()
        };
        let request = DescribeShareGroupOffsetsRequest { groups: vec![asked], ..Default::default() };
        self.at_coordinator("listing offsets of a share group", group, async |node| {
            let answer = self.cluster().call_node(node, &request).await?;
            let mut offsets = BTreeMap::new();
            for described in answer.groups.iter().filter(|described| &*described.group_id == group) {
                ClientError::check(described.error_code, described.error_message.as_deref())?;
                for topic in &described.topics {
                    for partition in topic.partitions.iter().filter(|partition| partition.error_code == 0) {
                        let key = TopicPartition::new(&*topic.topic_name, partition.partition_index);
                        let offset = ShareOffset {
                            start_offset: partition.start_offset,
                            leader_epoch: Some(partition.leader_epoch).filter(|epoch| *epoch >= 0),
                            lag: Some(partition.lag).filter(|lag| *lag >= 0),
                        };
                        offsets.insert(key, (partition.start_offset >= 0).then_some(offset));
                    }
                }
            }
            Ok(offsets)
        })
        .await
    }

    /// Sets where a share group that has no members goes on. A group that does not exist is made.
    ///
    /// # Errors
    /// If the coordinator refuses as a whole; what became of each partition is in the map.
    pub async fn alter_share_group_offsets(
        &self,
        group: &str,
        offsets: &BTreeMap<TopicPartition, i64>,
    ) -> Result<BTreeMap<TopicPartition, Result<(), ClientError>>, ClientError> {
        let mut topics: BTreeMap<&str, Vec<AlterShareGroupOffsetsRequestPartition>> = BTreeMap::new();
        for (partition, start_offset) in offsets {
            topics.entry(&partition.topic).or_default().push(AlterShareGroupOffsetsRequestPartition {
                partition_index: partition.partition,
                start_offset: *start_offset,
                ..Default::default()
            });
        }
        let topic = |(name, partitions): (&str, _)| AlterShareGroupOffsetsRequestTopic {
            topic_name: name.into(),
            partitions,
            ..Default::default()
        };
        let request = AlterShareGroupOffsetsRequest {
            group_id: group.into(),
            topics: topics.into_iter().map(topic).collect(),
            ..Default::default()
        };
        self.at_coordinator("altering offsets of a share group", group, async |node| {
            let answer = self.cluster().call_node(node, &request).await?;
            ClientError::check(answer.error_code, answer.error_message.as_deref())?;
            let mut results = BTreeMap::new();
            for topic in &answer.responses {
                for partition in &topic.partitions {
                    let key = TopicPartition::new(&*topic.topic_name, partition.partition_index);
                    let result = ClientError::check(partition.error_code, partition.error_message.as_deref());
                    results.insert(key, result);
                }
            }
            Ok(results)
        })
        .await
    }

    /// Deletes how far a share group that has no members is in topics.
    ///
    /// # Errors
    /// If the coordinator refuses as a whole; what became of each topic is in the map.
    pub async fn delete_share_group_offsets(
        &self,
        group: &str,
        topics: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, Result<(), ClientError>>, ClientError> {
        let topic = |name: &String| DeleteShareGroupOffsetsRequestTopic {
            topic_name: name.as_str().into(),
            ..Default::default()
        };
        let request = DeleteShareGroupOffsetsRequest {
            group_id: group.into(),
            topics: topics.iter().map(topic).collect(),
            ..Default::default()
        };
        self.at_coordinator("deleting offsets of a share group", group, async |node| {
            let answer = self.cluster().call_node(node, &request).await?;
            ClientError::check(answer.error_code, answer.error_message.as_deref())?;
            let result = |code, message: &Option<StrBytes>| ClientError::check(code, message.as_deref());
            let results = answer
                .responses
                .iter()
                .map(|topic| (topic.topic_name.to_string(), result(topic.error_code, &topic.error_message)));
            Ok(results.collect())
        })
        .await
    }
}

fn description(group: &DescribedGroup, coordinator: NodeDescription) -> ShareGroupDescription {
    let members = group.members.iter().map(|member| ShareGroupMember {
        member_id: member.member_id.to_string(),
        client_id: member.client_id.to_string(),
        host: member.client_host.to_string(),
        epoch: member.member_epoch,
        assignment: member
            .assignment
            .topic_partitions
            .iter()
            .flat_map(|topic| topic.partitions.iter().map(|p| TopicPartition::new(&*topic.topic_name, *p)))
            .collect(),
    });
    ShareGroupDescription {
        group_id: group.group_id.to_string(),
        state: group.group_state.to_string(),
        coordinator,
        group_epoch: group.group_epoch,
        assignment_epoch: group.assignment_epoch,
        members: members.collect(),
    }
}
