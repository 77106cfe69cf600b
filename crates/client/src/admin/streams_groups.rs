//! Streams groups (KIP-1071): describe. What else there is to do with them goes as for consumer groups.

use std::collections::BTreeMap;

use klamm_protocol::{
    ErrorCode, StrBytes,
    api::streams_group_describe::{self as api, StreamsGroupDescribeRequest},
};

use super::{Admin, NodeDescription, text};
use crate::ClientError;

/// A streams group with its topology and its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamsGroupDescription {
    /// Its id, which is the application's.
    pub group_id: String,
    /// Its state, as Kafka names it: `Empty`, `NotReady`, `Assigning`, `Reconciling`, `Stable` or `Dead`.
    pub state: String,
    /// The broker that coordinates it.
    pub coordinator: NodeDescription,
    /// Its epoch.
    pub group_epoch: i32,
    /// The epoch of its target assignment.
    pub assignment_epoch: i32,
    /// The epoch of its topology.
    pub topology_epoch: i32,
    /// The parts of its topology; none if no member has told it.
    pub subtopologies: Vec<Subtopology>,
    /// Its members, in the order of the answer.
    pub members: Vec<StreamsGroupMember>,
}

/// A part of a topology: it is connected to the others by topics only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subtopology {
    /// Its id.
    pub id: String,
    /// Topics it reads that are not the application's own.
    pub source_topics: Vec<String>,
    /// Repartition topics it reads.
    pub repartition_source_topics: Vec<String>,
    /// Changelogs of its state stores.
    pub changelog_topics: Vec<String>,
}

/// A member of a streams group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamsGroupMember {
    /// Its id.
    pub member_id: String,
    /// Its client's name.
    pub client_id: String,
    /// The process that it runs in.
    pub process_id: String,
    /// Its epoch.
    pub epoch: i32,
    /// What it has.
    pub assignment: StreamsTasks,
    /// What it shall have.
    pub target: StreamsTasks,
    /// Whether it speaks the classic protocol, in a group where some do.
    pub is_classic: bool,
}

/// Tasks of a member: subtopology and partitions, each list in the order of the answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamsTasks {
    /// Those that process.
    pub active: Vec<(String, Vec<i32>)>,
    /// Those that keep a copy of state.
    pub standby: Vec<(String, Vec<i32>)>,
    /// Those that restore state before they take over.
    pub warmup: Vec<(String, Vec<i32>)>,
}

/// Streams groups.
impl Admin {
    /// Describes streams groups.
    ///
    /// # Errors
    /// Per group: if it does not exist, or is no streams group.
    pub async fn describe_streams_groups(
        &self,
        groups: &[String],
    ) -> BTreeMap<String, Result<StreamsGroupDescription, ClientError>> {
        let mut found = BTreeMap::new();
        for group in groups {
            found.insert(group.clone(), self.describe_streams_group(group).await);
        }
        found
    }

    /// Describes one streams group.
    ///
    /// # Errors
    /// If it does not exist, or is no streams group.
    pub async fn describe_streams_group(&self, group: &str) -> Result<StreamsGroupDescription, ClientError> {
        let group_ids = vec![StrBytes::from(group.to_owned())];
        let request = StreamsGroupDescribeRequest { group_ids, ..Default::default() };
        self.at_coordinator("describing a streams group", group, async |node| {
            let answer = self.cluster.call_node(node, &request).await?;
            let Some(described) = answer.groups.first() else {
                return Err(ClientError::Broker { code: ErrorCode::GroupIdNotFound, message: None });
            };
            ClientError::check(described.error_code, text(&described.error_message))?;
            Ok(description(described, self.node(node)))
        })
        .await
    }
}

fn description(group: &api::DescribedGroup, coordinator: NodeDescription) -> StreamsGroupDescription {
    let subtopologies = group.topology.iter().flat_map(|topology| topology.subtopologies.iter().flatten());
    let member = |member: &api::Member| StreamsGroupMember {
        member_id: member.member_id.to_string(),
        client_id: member.client_id.to_string(),
        process_id: member.process_id.to_string(),
        epoch: member.member_epoch,
        assignment: tasks(&member.assignment),
        target: tasks(&member.target_assignment),
        is_classic: member.is_classic,
    };
    StreamsGroupDescription {
        group_id: group.group_id.to_string(),
        state: group.group_state.to_string(),
        coordinator,
        group_epoch: group.group_epoch,
        assignment_epoch: group.assignment_epoch,
        topology_epoch: group.topology.as_ref().map_or(0, |topology| topology.epoch),
        subtopologies: subtopologies.map(subtopology).collect(),
        members: group.members.iter().map(member).collect(),
    }
}

fn subtopology(described: &api::Subtopology) -> Subtopology {
    let names = |topics: &[api::TopicInfo]| topics.iter().map(|topic| topic.name.to_string()).collect();
    Subtopology {
        id: described.subtopology_id.to_string(),
        source_topics: described.source_topics.iter().map(ToString::to_string).collect(),
        repartition_source_topics: names(&described.repartition_source_topics),
        changelog_topics: names(&described.state_changelog_topics),
    }
}

fn tasks(assignment: &api::Assignment) -> StreamsTasks {
    let each = |tasks: &[api::TaskIds]| {
        tasks.iter().map(|task| (task.subtopology_id.to_string(), task.partitions.clone())).collect()
    };
    StreamsTasks {
        active: each(&assignment.active_tasks),
        standby: each(&assignment.standby_tasks),
        warmup: each(&assignment.warmup_tasks),
    }
}
