//! StreamsGroupDescribe (key 89).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 89, versions = 0, flexible = 0.., listeners = [Broker])]
pub struct StreamsGroupDescribeRequest {
    pub group_ids: Vec<StrBytes>,
    pub include_authorized_operations: bool,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 89, versions = 0, flexible = 0..)]
pub struct StreamsGroupDescribeResponse {
    pub throttle_time_ms: i32,
    pub groups: Vec<DescribedGroup>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribedGroup {
    pub error_code: i16,
    #[field(default = null)]
    pub error_message: Option<StrBytes>,
    pub group_id: StrBytes,
    pub group_state: StrBytes,
    pub group_epoch: i32,
    pub assignment_epoch: i32,
    #[field(default = null)]
    pub topology: Option<Topology>,
    pub members: Vec<Member>,
    #[field(default = i32::MIN)]
    pub authorized_operations: i32,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct Topology {
    pub epoch: i32,
    #[field(default = null)]
    pub subtopologies: Option<Vec<Subtopology>>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct Subtopology {
    pub subtopology_id: StrBytes,
    pub source_topics: Vec<StrBytes>,
    pub repartition_sink_topics: Vec<StrBytes>,
    pub state_changelog_topics: Vec<TopicInfo>,
    pub repartition_source_topics: Vec<TopicInfo>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct Member {
    pub member_id: StrBytes,
    pub member_epoch: i32,
    #[field(default = null)]
    pub instance_id: Option<StrBytes>,
    #[field(default = null)]
    pub rack_id: Option<StrBytes>,
    pub client_id: StrBytes,
    pub client_host: StrBytes,
    pub topology_epoch: i32,
    pub process_id: StrBytes,
    #[field(default = null)]
    pub user_endpoint: Option<Endpoint>,
    pub client_tags: Vec<KeyValue>,
    pub task_offsets: Vec<TaskOffset>,
    pub task_end_offsets: Vec<TaskOffset>,
    pub assignment: Assignment,
    pub target_assignment: Assignment,
    pub is_classic: bool,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct Endpoint {
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
pub struct Assignment {
    pub active_tasks: Vec<TaskIds>,
    pub standby_tasks: Vec<TaskIds>,
    pub warmup_tasks: Vec<TaskIds>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct TaskIds {
    pub subtopology_id: StrBytes,
    pub partitions: Vec<i32>,
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
