//! StreamsGroupHeartbeat (key 88): everything a member of a streams group says and learns (KIP-1071).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 88, versions = 0, flexible = 0.., listeners = [Broker])]
pub struct StreamsGroupHeartbeatRequest {
    /// Id of the group.
    pub group_id: StrBytes,
    /// Id of the member, which the client chooses itself.
    pub member_id: StrBytes,
    /// Epoch of the member: 0 joins, -1 leaves, -2 leaves for a while as a static member.
    pub member_epoch: i32,
    /// Epoch of the endpoint information, so that it is sent only when it changed.
    pub endpoint_information_epoch: i32,
    /// Id of a static member; null for a dynamic one.
    #[field(default = null)]
    pub instance_id: Option<StrBytes>,
    /// Rack of the client.
    #[field(default = null)]
    pub rack_id: Option<StrBytes>,
    /// How long the member has to give up partitions or to join a rebalance, in ms; -1 if unchanged.
    #[field(default = -1)]
    pub rebalance_timeout_ms: i32,
    /// The topology of the application, sent by a member that joins; null otherwise.
    #[field(default = null)]
    pub topology: Option<Topology>,
    /// Active tasks the member has; null if unchanged.
    #[field(default = null)]
    pub active_tasks: Option<Vec<StreamsGroupHeartbeatRequestTaskIds>>,
    /// Standby tasks the member has; null if unchanged.
    #[field(default = null)]
    pub standby_tasks: Option<Vec<StreamsGroupHeartbeatRequestTaskIds>>,
    /// Warm-up tasks the member has; null if unchanged.
    #[field(default = null)]
    pub warmup_tasks: Option<Vec<StreamsGroupHeartbeatRequestTaskIds>>,
    /// Id of the process the client runs in.
    #[field(default = null)]
    pub process_id: Option<StrBytes>,
    /// Endpoint of the application for interactive queries; null for none, or if unchanged.
    #[field(default = null)]
    pub user_endpoint: Option<StreamsGroupHeartbeatRequestEndpoint>,
    /// Tags for rack-aware assignment; null if unchanged.
    #[field(default = null)]
    pub client_tags: Option<Vec<KeyValue>>,
    /// Offsets the tasks have reached in their changelogs.
    #[field(default = null)]
    pub task_offsets: Option<Vec<TaskOffset>>,
    /// End offsets of the tasks' changelogs.
    #[field(default = null)]
    pub task_end_offsets: Option<Vec<TaskOffset>>,
    /// Whether all clients of the application shall shut down.
    pub shutdown_application: bool,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The value of [`StreamsGroupHeartbeatRequest::topology`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct Topology {
    /// Epoch.
    pub epoch: i32,
    /// The parts of the topology that are connected by topics only.
    pub subtopologies: Vec<Subtopology>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`Topology::subtopologies`].
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

/// An element of [`StreamsGroupHeartbeatRequest::client_tags`] and [`TopicInfo::topic_configs`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct KeyValue {
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
    pub topic_configs: Vec<KeyValue>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The value of [`StreamsGroupHeartbeatRequest::user_endpoint`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct StreamsGroupHeartbeatRequestEndpoint {
    /// Host name or address.
    pub host: StrBytes,
    /// Port.
    pub port: u16,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`StreamsGroupHeartbeatRequest::task_offsets`] and
/// [`StreamsGroupHeartbeatRequest::task_end_offsets`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct TaskOffset {
    /// Id of the subtopology.
    pub subtopology_id: StrBytes,
    /// Number of the partition within the topic.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`StreamsGroupHeartbeatRequest::active_tasks`],
/// [`StreamsGroupHeartbeatRequest::standby_tasks`] and [`StreamsGroupHeartbeatRequest::warmup_tasks`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct StreamsGroupHeartbeatRequestTaskIds {
    /// Id of the subtopology.
    pub subtopology_id: StrBytes,
    /// The partitions.
    pub partitions: Vec<i32>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 88, versions = 0, flexible = 0..)]
pub struct StreamsGroupHeartbeatResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Text for the error; null if there is none.
    #[field(default = null)]
    pub error_message: Option<StrBytes>,
    /// Id of the member.
    pub member_id: StrBytes,
    /// Epoch of the member: 0 joins, -1 leaves, -2 leaves for a while as a static member.
    pub member_epoch: i32,
    /// How often the member shall send a heartbeat, in ms.
    pub heartbeat_interval_ms: i32,
    /// Lag up to which a warm-up task counts as caught up.
    pub acceptable_recovery_lag: i32,
    /// How often to report task offsets, in ms.
    pub task_offset_interval_ms: i32,
    /// What the member should know about the group; may be empty.
    pub status: Option<Vec<Status>>,
    /// Active tasks the member is assigned; null if unchanged.
    #[field(default = null)]
    pub active_tasks: Option<Vec<StreamsGroupHeartbeatResponseTaskIds>>,
    /// Standby tasks the member is assigned; null if unchanged.
    #[field(default = null)]
    pub standby_tasks: Option<Vec<StreamsGroupHeartbeatResponseTaskIds>>,
    /// Warm-up tasks the member is assigned; null if unchanged.
    #[field(default = null)]
    pub warmup_tasks: Option<Vec<StreamsGroupHeartbeatResponseTaskIds>>,
    /// Epoch of the endpoint information, so that it is sent only when it changed.
    pub endpoint_information_epoch: i32,
    /// Who has which partitions, for interactive queries; null if unchanged.
    #[field(default = null)]
    pub partitions_by_user_endpoint: Option<Vec<EndpointToPartitions>>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`StreamsGroupHeartbeatResponse::partitions_by_user_endpoint`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct EndpointToPartitions {
    /// Endpoint of the application for interactive queries; null for none, or if unchanged.
    pub user_endpoint: StreamsGroupHeartbeatResponseEndpoint,
    /// Partitions read by active tasks of this endpoint.
    pub active_partitions: Vec<TopicPartition>,
    /// Partitions that standby tasks of this endpoint keep a copy of.
    pub standby_partitions: Vec<TopicPartition>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`StreamsGroupHeartbeatResponse::status`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct Status {
    /// Status by number: 0 stale topology, 1 missing source topics, 2 wrongly partitioned topics, 3
    /// missing internal topics, 4 shut down, 5 assignment delayed.
    pub status_code: i8,
    /// The status in words.
    pub status_detail: StrBytes,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`EndpointToPartitions::active_partitions`] and
/// [`EndpointToPartitions::standby_partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct TopicPartition {
    /// Name of the topic.
    pub topic: StrBytes,
    /// The partitions.
    pub partitions: Vec<i32>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`StreamsGroupHeartbeatResponse::active_tasks`],
/// [`StreamsGroupHeartbeatResponse::standby_tasks`] and [`StreamsGroupHeartbeatResponse::warmup_tasks`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct StreamsGroupHeartbeatResponseTaskIds {
    /// Id of the subtopology.
    pub subtopology_id: StrBytes,
    /// The partitions.
    pub partitions: Vec<i32>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The value of [`EndpointToPartitions::user_endpoint`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct StreamsGroupHeartbeatResponseEndpoint {
    /// Host name or address.
    pub host: StrBytes,
    /// Port.
    pub port: u16,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
