//! StreamsGroupTopology (type 23): the topology of a streams group (KIP-1071).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The key.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 23, versions = 0, flexible = none)]
pub struct StreamsGroupTopologyKey {
    /// Id of the group.
    pub group_id: StrBytes,
}

/// The value.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 23, versions = 0, flexible = 0..)]
pub struct StreamsGroupTopologyValue {
    /// Epoch.
    pub epoch: i32,
    /// The parts of the topology that are connected by topics only.
    pub subtopologies: Vec<Subtopology>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`StreamsGroupTopologyValue::subtopologies`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct Subtopology {
    /// Id of the subtopology.
    pub subtopology_id: StrBytes,
    /// Topics the subtopology reads from.
    pub source_topics: Vec<StrBytes>,
    /// Regular expressions of topics the subtopology reads from.
    pub source_topic_regex: Vec<StrBytes>,
    /// Changelog topics of the state stores.
    pub state_changelog_topics: Vec<TopicInfo>,
    /// Repartition topics the subtopology writes to.
    pub repartition_sink_topics: Vec<StrBytes>,
    /// Repartition topics the subtopology reads from.
    pub repartition_source_topics: Vec<TopicInfo>,
    /// Source topics that must have the same number of partitions.
    pub copartition_groups: Vec<CopartitionGroup>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`Subtopology::copartition_groups`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct CopartitionGroup {
    /// Topics the subtopology reads from.
    pub source_topics: Vec<i16>,
    /// Regular expressions of topics the subtopology reads from.
    pub source_topic_regex: Vec<i16>,
    /// Repartition topics the subtopology reads from.
    pub repartition_source_topics: Vec<i16>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`TopicInfo::topic_configs`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct TopicConfig {
    /// Name.
    pub key: StrBytes,
    /// Value.
    pub value: StrBytes,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`Subtopology::state_changelog_topics`] and [`Subtopology::repartition_source_topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct TopicInfo {
    /// Name of the topic.
    pub name: StrBytes,
    /// The partitions.
    pub partitions: i32,
    /// Replicas per partition, -1 for the broker's default.
    pub replication_factor: i16,
    /// Configs of the topic.
    pub topic_configs: Vec<TopicConfig>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
