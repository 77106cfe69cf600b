//! What a streams application computes: subtopologies, the topics that each reads and those that are only its own.

use super::assignor::kafka_order;
use klamm_protocol::StrBytes;
use klamm_protocol::api::streams_group_heartbeat::{
    TopicInfo as RequestTopicInfo, Topology as RequestTopology,
};
use klamm_protocol::coordinator::group::StreamsGroupTopologyValue;
use klamm_protocol::coordinator::group::streams_group_topology::{
    CopartitionGroup, Subtopology, TopicConfig, TopicInfo,
};
use std::collections::{BTreeMap, BTreeSet};

/// A topology as written. Two are equal whatever the order in which their subtopologies were named.
#[derive(Clone, Debug)]
pub(crate) struct Topology {
    pub(crate) epoch: i32,
    /// By id.
    pub(crate) subtopologies: BTreeMap<StrBytes, Subtopology>,
    /// Topics, and the subtopology that reads each.
    readers: BTreeMap<StrBytes, StrBytes>,
    /// The ids in the order in which Kafka goes through them.
    order: Vec<StrBytes>,
}

impl PartialEq for Topology {
    fn eq(&self, other: &Self) -> bool {
        (self.epoch, &self.subtopologies) == (other.epoch, &other.subtopologies)
    }
}

impl Topology {
    pub(crate) fn new(value: &StreamsGroupTopologyValue) -> Self {
        let ids = value.subtopologies.iter().map(|subtopology| subtopology.subtopology_id.clone());
        let mut topology = Self {
            epoch: value.epoch,
            subtopologies: BTreeMap::new(),
            readers: BTreeMap::new(),
            order: kafka_order(ids.collect(), |id: &StrBytes| id, 16),
        };
        for subtopology in &value.subtopologies {
            let id = &subtopology.subtopology_id;
            for source in Self::sources_of(subtopology) {
                topology.readers.insert(source.clone(), id.clone());
            }
            topology.subtopologies.insert(id.clone(), subtopology.clone());
        }
        topology
    }

    /// The topics that a subtopology reads, repartition topics among them.
    pub(crate) fn sources_of(subtopology: &Subtopology) -> impl Iterator<Item = &StrBytes> {
        let repartition = subtopology.repartition_source_topics.iter().map(|topic| &topic.name);
        subtopology.source_topics.iter().chain(repartition)
    }

    /// The subtopologies in the order in which Kafka goes through them.
    pub(crate) fn in_kafka_order(&self) -> impl Iterator<Item = &Subtopology> {
        self.order.iter().filter_map(|id| self.subtopologies.get(id))
    }

    /// The subtopology that reads a topic.
    pub(crate) fn reader_of(&self, topic: &str) -> Option<&StrBytes> {
        self.readers.get(topic)
    }

    /// Every topic without which the topology cannot run.
    pub(crate) fn required_topics(&self) -> BTreeSet<&StrBytes> {
        let of_one = |subtopology| {
            let subtopology: &Subtopology = subtopology;
            let changelogs = subtopology.state_changelog_topics.iter().map(|topic| &topic.name);
            Self::sources_of(subtopology).chain(changelogs)
        };
        self.subtopologies.values().flat_map(of_one).collect()
    }
}

/// A topology that a member brings, in the form of its record. Nothing in it refers to the request.
pub(super) fn to_record(topology: &RequestTopology) -> StreamsGroupTopologyValue {
    let names = |names: &[StrBytes]| names.iter().map(StrBytes::detached).collect::<Vec<_>>();
    let topics = |topics: &[RequestTopicInfo]| topics.iter().map(to_topic).collect::<Vec<_>>();
    let subtopologies = topology.subtopologies.iter().map(|subtopology| Subtopology {
        subtopology_id: subtopology.subtopology_id.detached(),
        source_topics: names(&subtopology.source_topics),
        source_topic_regex: names(&subtopology.source_topic_regex),
        state_changelog_topics: topics(&subtopology.state_changelog_topics),
        repartition_sink_topics: names(&subtopology.repartition_sink_topics),
        repartition_source_topics: topics(&subtopology.repartition_source_topics),
        copartition_groups: subtopology
            .copartition_groups
            .iter()
            .map(|group| CopartitionGroup {
                source_topics: group.source_topics.clone(),
                source_topic_regex: group.source_topic_regex.clone(),
                repartition_source_topics: group.repartition_source_topics.clone(),
                ..CopartitionGroup::default()
            })
            .collect(),
        ..Subtopology::default()
    });
    StreamsGroupTopologyValue {
        epoch: topology.epoch,
        subtopologies: subtopologies.collect(),
        ..StreamsGroupTopologyValue::default()
    }
}

fn to_topic(topic: &RequestTopicInfo) -> TopicInfo {
    let config = |config: &klamm_protocol::api::streams_group_heartbeat::KeyValue| TopicConfig {
        key: config.key.detached(),
        value: config.value.detached(),
        ..TopicConfig::default()
    };
    TopicInfo {
        name: topic.name.detached(),
        partitions: topic.partitions,
        replication_factor: topic.replication_factor,
        topic_configs: topic.topic_configs.iter().map(config).collect(),
        ..TopicInfo::default()
    }
}
