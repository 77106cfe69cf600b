//! DescribeTopicPartitions (key 75).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 75, versions = 0, flexible = 0.., listeners = [Broker])]
pub struct DescribeTopicPartitionsRequest {
    pub topics: Vec<TopicRequest>,
    #[field(default = 2000)]
    pub response_partition_limit: i32,
    #[field(default = null)]
    pub cursor: Option<DescribeTopicPartitionsRequestCursor>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct TopicRequest {
    pub name: StrBytes,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribeTopicPartitionsRequestCursor {
    pub topic_name: StrBytes,
    pub partition_index: i32,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 75, versions = 0, flexible = 0..)]
pub struct DescribeTopicPartitionsResponse {
    #[field(ignorable)]
    pub throttle_time_ms: i32,
    pub topics: Vec<DescribeTopicPartitionsResponseTopic>,
    #[field(default = null)]
    pub next_cursor: Option<DescribeTopicPartitionsResponseCursor>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribeTopicPartitionsResponseTopic {
    pub error_code: i16,
    pub name: Option<StrBytes>,
    #[field(ignorable)]
    pub topic_id: Uuid,
    #[field(ignorable)]
    pub is_internal: bool,
    pub partitions: Vec<DescribeTopicPartitionsResponsePartition>,
    #[field(default = i32::MIN)]
    pub topic_authorized_operations: i32,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribeTopicPartitionsResponsePartition {
    pub error_code: i16,
    pub partition_index: i32,
    pub leader_id: i32,
    #[field(default = -1, ignorable)]
    pub leader_epoch: i32,
    pub replica_nodes: Vec<i32>,
    pub isr_nodes: Vec<i32>,
    #[field(default = null)]
    pub eligible_leader_replicas: Option<Vec<i32>>,
    #[field(default = null)]
    pub last_known_elr: Option<Vec<i32>>,
    #[field(ignorable)]
    pub offline_replicas: Vec<i32>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribeTopicPartitionsResponseCursor {
    pub topic_name: StrBytes,
    pub partition_index: i32,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
