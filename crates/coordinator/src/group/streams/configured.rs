//! The topology with the topics that there are: how many tasks each subtopology has, which internal topics are missing,
//! and what does not fit.

mod partitions;

use super::topology::Topology;
use crate::cluster::Cluster;
use crate::group::refusal::Refusal;
use klamm_protocol::api::create_topics::{CreatableTopic, CreatableTopicConfig};
use klamm_protocol::coordinator::group::streams_group_topology::{Subtopology, TopicInfo};
use klamm_protocol::{ErrorCode, StrBytes};
use partitions::PartitionCounts;
use std::collections::{BTreeMap, BTreeSet};

/// What a member is told of the state of its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    StaleTopology,
    MissingSourceTopics,
    IncorrectlyPartitionedTopics,
    MissingInternalTopics,
    ShutdownApplication,
    AssignmentDelayed,
}

impl Status {
    pub(super) const fn code(self) -> i8 {
        match self {
            Self::StaleTopology => 0,
            Self::MissingSourceTopics => 1,
            Self::IncorrectlyPartitionedTopics => 2,
            Self::MissingInternalTopics => 3,
            Self::ShutdownApplication => 4,
            Self::AssignmentDelayed => 5,
        }
    }
}

/// A topology that has been compared with the topics there are.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Configured {
    pub(super) epoch: i32,
    /// By id; `None`: it could not be told.
    pub(super) subtopologies: Option<BTreeMap<StrBytes, ConfiguredSubtopology>>,
    /// Internal topics to be created.
    pub(super) missing: Vec<CreatableTopic>,
    /// Why the topology cannot run, with a text for people.
    pub(super) problem: Option<(Status, String)>,
}

/// A subtopology whose tasks have been counted.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ConfiguredSubtopology {
    pub(super) task_count: i32,
    pub(super) source_topics: BTreeSet<StrBytes>,
    pub(super) repartition_sink_topics: BTreeSet<StrBytes>,
    /// Internal topics that it reads, by name. Their partition counts are decided.
    pub(super) repartition_source_topics: BTreeMap<StrBytes, TopicInfo>,
    /// Internal topics with its state, likewise.
    pub(super) state_changelog_topics: BTreeMap<StrBytes, TopicInfo>,
}

/// Why a topology cannot be configured.
pub(super) enum Unfit {
    /// Topics may come to be as they should; members wait.
    Topics(Status, String),
    /// The request is refused.
    Refused(Refusal),
}

impl Unfit {
    /// No topics could ever make it fit.
    fn invalid(message: impl Into<String>) -> Self {
        Self::Refused(Refusal { code: ErrorCode::StreamsInvalidTopology, message: message.into() })
    }

    /// What Kafka does not foresee either.
    fn unforeseen() -> Self {
        Self::Refused(unforeseen())
    }
}

/// How Kafka answers what throws an exception that has no code.
pub(super) fn unforeseen() -> Refusal {
    Refusal { code: ErrorCode::UnknownServerError, message: String::new() }
}

/// Compares a topology with the topics there are.
pub(super) fn configure(topology: &Topology, cluster: &dyn Cluster) -> Result<Configured, Refusal> {
    match try_configure(topology, cluster) {
        Ok(configured) => Ok(configured),
        Err(Unfit::Topics(status, detail)) => Ok(Configured {
            epoch: topology.epoch,
            subtopologies: None,
            missing: Vec::new(),
            problem: Some((status, detail)),
        }),
        Err(Unfit::Refused(refusal)) => Err(refusal),
    }
}

fn try_configure(topology: &Topology, cluster: &dyn Cluster) -> Result<Configured, Unfit> {
    let sources = topology.subtopologies.values().flat_map(|one| &one.source_topics);
    let missing: BTreeSet<&StrBytes> = sources.filter(|name| cluster.id(name).is_none()).collect();
    if !missing.is_empty() {
        let detail = format!("Source topics {} are missing.", summarize(missing.into_iter()));
        return Err(Unfit::Topics(Status::MissingSourceTopics, detail));
    }
    let counts = PartitionCounts::decide(topology, cluster)?;
    let mut subtopologies = BTreeMap::new();
    for (id, subtopology) in &topology.subtopologies {
        subtopologies.insert(id.clone(), configure_subtopology(subtopology, &counts)?);
    }
    let missing = missing_internal_topics(topology, &subtopologies, cluster)?;
    let problem = (!missing.is_empty()).then(|| {
        let names = summarize(missing.iter().map(|topic| &topic.name));
        (Status::MissingInternalTopics, format!("Internal topics are missing: {names}"))
    });
    Ok(Configured { epoch: topology.epoch, subtopologies: Some(subtopologies), missing, problem })
}

fn configure_subtopology(
    subtopology: &Subtopology,
    counts: &PartitionCounts<'_>,
) -> Result<ConfiguredSubtopology, Unfit> {
    let configure_topics = |topics: &[TopicInfo]| {
        let mut configured = BTreeMap::new();
        for topic in topics {
            let partitions = match topic.partitions {
                0 => counts.decided(&topic.name).ok_or_else(Unfit::unforeseen)?,
                fixed => fixed,
            };
            let one = TopicInfo { partitions, ..topic.clone() };
            if partitions < 1 || configured.insert(topic.name.clone(), one).is_some() {
                return Err(Unfit::unforeseen());
            }
        }
        Ok(configured)
    };
    let sources = Topology::sources_of(subtopology).map(|topic| counts.get(topic));
    let task_count = sources.collect::<Option<Vec<i32>>>().and_then(|counts| counts.into_iter().max());
    Ok(ConfiguredSubtopology {
        task_count: task_count.filter(|count| *count > 0).ok_or_else(Unfit::unforeseen)?,
        source_topics: subtopology.source_topics.iter().cloned().collect(),
        repartition_sink_topics: subtopology.repartition_sink_topics.iter().cloned().collect(),
        repartition_source_topics: configure_topics(&subtopology.repartition_source_topics)?,
        state_changelog_topics: configure_topics(&subtopology.state_changelog_topics)?,
    })
}

fn missing_internal_topics(
    topology: &Topology,
    subtopologies: &BTreeMap<StrBytes, ConfiguredSubtopology>,
    cluster: &dyn Cluster,
) -> Result<Vec<CreatableTopic>, Unfit> {
    let mut missing: BTreeMap<&StrBytes, &TopicInfo> = BTreeMap::new();
    for subtopology in subtopologies.values() {
        missing.extend(&subtopology.repartition_source_topics);
        missing.extend(&subtopology.state_changelog_topics);
    }
    for name in topology.required_topics() {
        let Some(found) = cluster.id(name).and_then(|id| cluster.partition_count(id)) else { continue };
        let Some(expected) = missing.remove(name).map(|topic| topic.partitions) else { continue };
        if found != expected {
            let detail = format!(
                "Existing topic {name} has different number of partitions: expected {expected}, found {found}"
            );
            return Err(Unfit::Topics(Status::IncorrectlyPartitionedTopics, detail));
        }
    }
    let missing = missing.into_values().map(creatable).collect();
    Ok(super::assignor::kafka_order(missing, |topic: &CreatableTopic| &topic.name, 16))
}

fn creatable(topic: &TopicInfo) -> CreatableTopic {
    let config = |config: &klamm_protocol::coordinator::group::streams_group_topology::TopicConfig| {
        CreatableTopicConfig {
            name: config.key.clone(),
            value: Some(config.value.clone()),
            ..CreatableTopicConfig::default()
        }
    };
    CreatableTopic {
        name: topic.name.clone(),
        num_partitions: topic.partitions,
        replication_factor: if topic.replication_factor == 0 { -1 } else { topic.replication_factor },
        configs: topic.topic_configs.iter().map(config).collect(),
        ..CreatableTopic::default()
    }
}

/// Up to three names, and how many more there are.
fn summarize<'a>(names: impl Iterator<Item = &'a StrBytes>) -> String {
    let names: Vec<&str> = names.map(StrBytes::as_str).collect();
    let (shown, rest) = names.split_at(names.len().min(3));
    let mut text = shown.join(", ");
    if !rest.is_empty() {
        text.push_str(&format!(" and {} additional topics", rest.len()));
    }
    text
}
