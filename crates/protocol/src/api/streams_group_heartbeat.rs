//! StreamsGroupHeartbeat (key 88).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 88, versions = 0, flexible = 0.., listeners = [Broker])]
pub struct StreamsGroupHeartbeatRequest {
    pub group_id: StrBytes,
    pub member_id: StrBytes,
    pub member_epoch: i32,
    pub endpoint_information_epoch: i32,
    #[field(default = null)]
    pub instance_id: Option<StrBytes>,
    #[field(default = null)]
    pub rack_id: Option<StrBytes>,
    #[field(default = -1)]
    pub rebalance_timeout_ms: i32,
    #[field(default = null)]
    pub topology: Option<Topology>,
    #[field(default = null)]
    pub active_tasks: Option<Vec<StreamsGroupHeartbeatRequestTaskIds>>,
    #[field(default = null)]
    pub standby_tasks: Option<Vec<StreamsGroupHeartbeatRequestTaskIds>>,
    #[field(default = null)]
    pub warmup_tasks: Option<Vec<StreamsGroupHeartbeatRequestTaskIds>>,
    #[field(default = null)]
    pub process_id: Option<StrBytes>,
    #[field(default = null)]
    pub user_endpoint: Option<StreamsGroupHeartbeatRequestEndpoint>,
    #[field(default = null)]
    pub client_tags: Option<Vec<KeyValue>>,
    #[field(default = null)]
    pub task_offsets: Option<Vec<TaskOffset>>,
    #[field(default = null)]
    pub task_end_offsets: Option<Vec<TaskOffset>>,
    pub shutdown_application: bool,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct Topology {
    pub epoch: i32,
    pub subtopologies: Vec<Subtopology>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct Subtopology {
    pub subtopology_id: StrBytes,
    pub source_topics: Vec<StrBytes>,
    pub source_topic_regex: Vec<StrBytes>,
    pub state_changelog_topics: Vec<TopicInfo>,
    pub repartition_sink_topics: Vec<StrBytes>,
    pub repartition_source_topics: Vec<TopicInfo>,
    pub copartition_groups: Vec<CopartitionGroup>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct CopartitionGroup {
    pub source_topics: Vec<i16>,
    pub source_topic_regex: Vec<i16>,
    pub repartition_source_topics: Vec<i16>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct KeyValue {
    pub key: StrBytes,
    pub value: StrBytes,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct TopicInfo {
    pub name: StrBytes,
    pub partitions: i32,
    pub replication_factor: i16,
    pub topic_configs: Vec<KeyValue>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct StreamsGroupHeartbeatRequestEndpoint {
    pub host: StrBytes,
    pub port: u16,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct TaskOffset {
    pub subtopology_id: StrBytes,
    pub partition: i32,
    pub offset: i64,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct StreamsGroupHeartbeatRequestTaskIds {
    pub subtopology_id: StrBytes,
    pub partitions: Vec<i32>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 88, versions = 0, flexible = 0..)]
pub struct StreamsGroupHeartbeatResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    #[field(default = null)]
    pub error_message: Option<StrBytes>,
    pub member_id: StrBytes,
    pub member_epoch: i32,
    pub heartbeat_interval_ms: i32,
    pub acceptable_recovery_lag: i32,
    pub task_offset_interval_ms: i32,
    pub status: Option<Vec<Status>>,
    #[field(default = null)]
    pub active_tasks: Option<Vec<StreamsGroupHeartbeatResponseTaskIds>>,
    #[field(default = null)]
    pub standby_tasks: Option<Vec<StreamsGroupHeartbeatResponseTaskIds>>,
    #[field(default = null)]
    pub warmup_tasks: Option<Vec<StreamsGroupHeartbeatResponseTaskIds>>,
    pub endpoint_information_epoch: i32,
    #[field(default = null)]
    pub partitions_by_user_endpoint: Option<Vec<EndpointToPartitions>>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct EndpointToPartitions {
    pub user_endpoint: StreamsGroupHeartbeatResponseEndpoint,
    pub active_partitions: Vec<TopicPartition>,
    pub standby_partitions: Vec<TopicPartition>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct Status {
    pub status_code: i8,
    pub status_detail: StrBytes,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct TopicPartition {
    pub topic: StrBytes,
    pub partitions: Vec<i32>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct StreamsGroupHeartbeatResponseTaskIds {
    pub subtopology_id: StrBytes,
    pub partitions: Vec<i32>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct StreamsGroupHeartbeatResponseEndpoint {
    pub host: StrBytes,
    pub port: u16,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
