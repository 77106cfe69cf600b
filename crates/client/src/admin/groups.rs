//! Consumer groups: list, describe, delete, and their committed offsets.

use std::collections::{BTreeMap, BTreeSet};

use klamm_protocol::{
    ErrorCode, StrBytes,
    api::{
        consumer_group_describe::{self, ConsumerGroupDescribeRequest},
        delete_groups::DeleteGroupsRequest,
        describe_groups::{self, DescribeGroupsRequest},
        leave_group::{LeaveGroupRequest, MemberIdentity},
        list_groups::ListGroupsRequest,
        offset_delete::{OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic},
    },
};

use super::{Admin, NodeDescription, text};
use crate::{
    ClientError, TopicPartition,
    cluster::{CoordinatorKind, TopicSelection},
    consumer::{OffsetAndMetadata, commit_offsets_once, decode_assignment, fetch_offsets},
};

/// A group, in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupListing {
    /// Its id.
    pub group_id: String,
    /// What its members speak; empty for groups that only have offsets.
    pub protocol_type: String,
    /// Its state, as Kafka names it (`Stable`).
    pub state: String,
    /// Its type, as Kafka names it (`classic`); empty from old brokers.
    pub group_type: String,
}

/// A group with its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupDescription {
    /// Its id.
    pub group_id: String,
    /// Its state, as Kafka names it.
    pub state: String,
    /// The assignor that is in use.
    pub assignor: String,
    /// The broker that coordinates it.
    pub coordinator: NodeDescription,
    /// Its epoch (KIP-848).
    pub group_epoch: Option<i32>,
    /// The epoch of its target assignment (KIP-848).
    pub assignment_epoch: Option<i32>,
    /// Its members.
    pub members: Vec<GroupMember>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMember {
    /// Its id.
    pub member_id: String,
    /// Its name, if it is static.
    pub instance_id: Option<String>,
    /// Its client's name.
    pub client_id: String,
    /// Its client's address.
    pub host: String,
    /// What it has.
    pub assignment: BTreeSet<TopicPartition>,
    /// What it shall have (KIP-848).
    pub target: Option<BTreeSet<TopicPartition>>,
    /// Its epoch (KIP-848).
    pub epoch: Option<i32>,
    /// Whether it speaks the new protocol, in a group where some may not.
    pub is_upgraded: Option<bool>,
}

impl Admin {
    /// All consumer groups, classic ones and those of KIP-848. Empty filters let everything through.
    ///
    /// # Errors
    /// If a broker does not answer.
    pub async fn list_consumer_groups(
        &self,
        states: &[String],
        types: &[String],
    ) -> Result<Vec<GroupListing>, ClientError> {
        let mut groups = self.list_groups(states, types).await?;
        groups.retain(|listing| {
            matches!(listing.protocol_type.as_str(), "" | "consumer")
                && matches!(listing.group_type.to_lowercase().as_str(), "" | "classic" | "consumer")
        });
        Ok(groups)
    }

    /// Groups of every type, from all brokers; empty filters match everything.
    ///
    /// # Errors
    /// If a broker does not answer.
    pub async fn list_groups(
        &self,
        states: &[String],
        types: &[String],
    ) -> Result<Vec<GroupListing>, ClientError> {
        let strings = |list: &[String]| list.iter().map(|s| StrBytes::from(s.clone())).collect::<Vec<_>>();
        let (states_filter, types_filter) = (strings(states), strings(types));
        let metadata = self
            .cluster
            .retrying("listing groups", self.cluster.api_timeout(), || {
                self.cluster.refresh(TopicSelection::None)
            })
            .await?;
        let mut found: BTreeMap<String, GroupListing> = BTreeMap::new();
        for broker in metadata.brokers.keys() {
            let answer = self
                .cluster
                .retrying("listing groups", self.cluster.api_timeout(), async || {
                    let connection = self.cluster.connection(*broker).await?;
                    let version = connection.version_of::<ListGroupsRequest>()?;
                    let request = ListGroupsRequest {
                        states_filter: if version >= 4 { states_filter.clone() } else { Vec::new() },
                        types_filter: if version >= 5 { types_filter.clone() } else { Vec::new() },
                        ..Default::default()
                    };
                    let answer =
                        connection.call_version(&request, version, std::time::Duration::ZERO).await?;
                    ClientError::check(answer.error_code, None)?;
                    Ok(answer)
                })
                .await?;
            for group in answer.groups {
                let listing = GroupListing {
                    group_id: group.group_id.to_string(),
                    protocol_type: group.protocol_type.to_string(),
                    state: group.group_state.to_string(),
                    group_type: group.group_type.to_string(),
                };
                found.insert(listing.group_id.clone(), listing);
            }
        }
        Ok(found.into_values().collect())
    }

    /// Describes consumer groups.
    ///
    /// # Errors
    /// Per group: if it does not exist, or is no consumer group.
    pub async fn describe_consumer_groups(
        &self,
        groups: &[String],
    ) -> BTreeMap<String, Result<GroupDescription, ClientError>> {
        let mut found = BTreeMap::new();
        for group in groups {
            found.insert(group.clone(), self.describe_consumer_group(group).await);
        }
        found
    }

    async fn describe_consumer_group(&self, group: &str) -> Result<GroupDescription, ClientError> {
        self.at_coordinator("describing a group", group, async |node| {
            let connection = self.cluster.connection(node).await?;
            let coordinator = self.node(node);
            if connection.version_of::<ConsumerGroupDescribeRequest>().is_ok() {
                let request = ConsumerGroupDescribeRequest {
                    group_ids: vec![StrBytes::from(group.to_owned())],
                    ..Default::default()
                };
                let answer = connection.call(&request).await?;
                let described = answer.groups.first();
                let code = described.map_or(0, |group| group.error_code);
                let is_classic = matches!(
                    ErrorCode::from_code(code),
                    ErrorCode::GroupIdNotFound | ErrorCode::UnsupportedVersion
                );
                if let Some(described) = described.filter(|_| !is_classic) {
                    ClientError::check(code, text(&described.error_message))?;
                    return Ok(from_consumer(described, coordinator));
                }
            }
            let request = DescribeGroupsRequest {
                groups: vec![StrBytes::from(group.to_owned())],
                ..Default::default()
            };
            let answer = connection.call(&request).await?;
            let Some(described) = answer.groups.first() else {
                return Err(ClientError::Broker { code: ErrorCode::GroupIdNotFound, message: None });
            };
            ClientError::check(described.error_code, text(&described.error_message))?;
            from_classic(described, coordinator)
        })
        .await
    }

    pub(crate) fn node(&self, id: i32) -> NodeDescription {
        let metadata = self.cluster.metadata();
        let broker = metadata.brokers.get(&id);
        NodeDescription {
            id,
            host: broker.map(|broker| broker.host.clone()).unwrap_or_default(),
            port: broker.map_or(-1, |broker| broker.port.into()),
            rack: None,
            is_fenced: false,
        }
    }

    /// Asks a group's coordinator, looking for another one when it says that it is not.
    pub(crate) async fn at_coordinator<T>(
        &self,
        doing: &str,
        group: &str,
        ask: impl AsyncFn(i32) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        self.cluster
            .retrying(doing, self.cluster.api_timeout(), async || {
                let node = self.cluster.coordinator(CoordinatorKind::Group, group).await?;
                let result = ask(node).await;
                let is_elsewhere = match &result {
                    Err(ClientError::Connection(_)) => true,
                    Err(error) => matches!(
                        error.code(),
                        Some(ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable)
                    ),
                    Ok(_) => false,
                };
                if is_elsewhere {
                    self.cluster.forget_coordinator(CoordinatorKind::Group, group);
                }
                result
            })
            .await
    }

    /// Deletes groups that have no members, with their offsets.
    ///
    /// # Errors
    /// Per group: if it does not exist or has members.
    pub async fn delete_consumer_groups(
        &self,
        groups: &[String],
    ) -> BTreeMap<String, Result<(), ClientError>> {
        let mut results = BTreeMap::new();
        for group in groups {
            let request = DeleteGroupsRequest {
                groups_names: vec![StrBytes::from(group.clone())],
                ..Default::default()
            };
            let result = self
                .at_coordinator("deleting a group", group, async |node| {
                    let answer = self.cluster.call_node(node, &request).await?;
                    let code = answer.results.first().map_or(0, |result| result.error_code);
                    ClientError::check(code, None)
                })
                .await;
            results.insert(group.clone(), result);
        }
        results
    }

    /// Takes members out of a classic group.
    ///
    /// # Errors
    /// If the coordinator refuses as a whole, or one of the members; one that has gone by itself is no error.
    pub async fn remove_group_members(
        &self,
        group: &str,
        members: &[GroupMember],
    ) -> Result<(), ClientError> {
        let identity = |member: &GroupMember| MemberIdentity {
            // A static member is known by its name alone.
            member_id: if member.instance_id.is_some() { "" } else { &member.member_id }.into(),
            group_instance_id: member.instance_id.as_deref().map(StrBytes::from),
            ..Default::default()
        };
        let request = LeaveGroupRequest {
            group_id: StrBytes::from(group.to_owned()),
            members: members.iter().map(identity).collect(),
            ..Default::default()
        };
        self.at_coordinator("removing members of a group", group, async |node| {
            let answer = self.cluster.call_node(node, &request).await?;
            ClientError::check(answer.error_code, None)?;
            let codes = answer.members.iter().map(|member| member.error_code);
            let mut errors = codes.filter_map(|code| ClientError::check(code, None).err());
            match errors.find(|error| error.code() != Some(ErrorCode::UnknownMemberId)) {
                Some(error) => Err(error),
                None => Ok(()),
            }
        })
        .await
    }

    /// All committed offsets of a group.
    ///
    /// # Errors
    /// If the coordinator does not answer.
    pub async fn consumer_group_offsets(
        &self,
        group: &str,
    ) -> Result<BTreeMap<TopicPartition, OffsetAndMetadata>, ClientError> {
        fetch_offsets(&self.cluster, group, None, false, self.cluster.api_timeout()).await
    }

    /// Sets committed offsets of a group that has no members.
    ///
    /// # Errors
    /// If the coordinator does not answer; what became of each partition is in the map.
    pub async fn alter_consumer_group_offsets(
        &self,
        group: &str,
        offsets: &BTreeMap<TopicPartition, OffsetAndMetadata>,
    ) -> Result<BTreeMap<TopicPartition, Result<(), ClientError>>, ClientError> {
        if offsets.is_empty() {
            return Ok(BTreeMap::new());
        }
        self.at_coordinator("altering offsets", group, async |_| {
            commit_offsets_once(&self.cluster, group, offsets).await
        })
        .await
    }

    /// Deletes committed offsets of partitions that no member reads.
    ///
    /// # Errors
    /// If the coordinator refuses as a whole; what became of each partition is in the map.
    pub async fn delete_consumer_group_offsets(
        &self,
        group: &str,
        partitions: &BTreeSet<TopicPartition>,
    ) -> Result<BTreeMap<TopicPartition, Result<(), ClientError>>, ClientError> {
        let mut topics: BTreeMap<StrBytes, Vec<OffsetDeleteRequestPartition>> = BTreeMap::new();
        for partition in partitions {
            let item = OffsetDeleteRequestPartition { partition_index: partition.partition };
            topics.entry(StrBytes::from(partition.topic.to_string())).or_default().push(item);
        }
        let request = OffsetDeleteRequest {
            group_id: StrBytes::from(group.to_owned()),
            topics: topics
                .into_iter()
                .map(|(name, partitions)| OffsetDeleteRequestTopic { name, partitions })
                .collect(),
        };
        self.at_coordinator("deleting offsets", group, async |node| {
            let answer = self.cluster.call_node(node, &request).await?;
            ClientError::check(answer.error_code, None)?;
            let mut results = BTreeMap::new();
            for topic in answer.topics {
                for partition in topic.partitions {
                    let key = TopicPartition::new(&*topic.name, partition.partition_index);
                    results.insert(key, ClientError::check(partition.error_code, None));
                }
            }
            Ok(results)
        })
        .await
    }
}

fn from_consumer(
    group: &consumer_group_describe::DescribedGroup,
    coordinator: NodeDescription,
) -> GroupDescription {
    let partitions = |assignment: &consumer_group_describe::Assignment| {
        let topics = assignment.topic_partitions.iter();
        topics
            .flat_map(|topic| topic.partitions.iter().map(|p| TopicPartition::new(&*topic.topic_name, *p)))
            .collect::<BTreeSet<_>>()
    };
    let member = |member: &consumer_group_describe::Member| GroupMember {
        member_id: member.member_id.to_string(),
        instance_id: member.instance_id.as_ref().map(ToString::to_string),
        client_id: member.client_id.to_string(),
        host: member.client_host.to_string(),
        assignment: partitions(&member.assignment),
        target: Some(partitions(&member.target_assignment)),
        epoch: Some(member.member_epoch),
        is_upgraded: (member.member_type != -1).then_some(member.member_type == 1),
    };
    GroupDescription {
        group_id: group.group_id.to_string(),
        state: group.group_state.to_string(),
        assignor: group.assignor_name.to_string(),
        coordinator,
        group_epoch: Some(group.group_epoch),
        assignment_epoch: Some(group.assignment_epoch),
        members: group.members.iter().map(member).collect(),
    }
}

fn from_classic(
    group: &describe_groups::DescribedGroup,
    coordinator: NodeDescription,
) -> Result<GroupDescription, ClientError> {
    if !matches!(&*group.protocol_type, "" | "consumer") {
        return Err(ClientError::Invalid(format!(
            "GroupId {} is not a consumer group ({}).",
            group.group_id, group.protocol_type
        )));
    }
    let mut members = Vec::new();
    for member in &group.members {
        members.push(GroupMember {
            member_id: member.member_id.to_string(),
            instance_id: member.group_instance_id.as_ref().map(ToString::to_string),
            client_id: member.client_id.to_string(),
            host: member.client_host.to_string(),
            assignment: decode_assignment(member.member_assignment.clone())?,
            target: None,
            epoch: None,
            is_upgraded: None,
        });
    }
    Ok(GroupDescription {
        group_id: group.group_id.to_string(),
        state: group.group_state.to_string(),
        assignor: group.protocol_data.to_string(),
        coordinator,
        group_epoch: None,
        assignment_epoch: None,
        members,
    })
}
