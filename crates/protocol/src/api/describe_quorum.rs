//! DescribeQuorum (key 55).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 55, versions = 0..=2, flexible = 0.., listeners = [Broker, Controller])]
pub struct DescribeQuorumRequest {
    pub topics: Vec<DescribeQuorumRequestTopicData>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribeQuorumRequestTopicData {
    pub topic_name: StrBytes,
    pub partitions: Vec<DescribeQuorumRequestPartitionData>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribeQuorumRequestPartitionData {
    pub partition_index: i32,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 55, versions = 0..=2, flexible = 0..)]
pub struct DescribeQuorumResponse {
    pub error_code: i16,
    #[field(since = 2, ignorable)]
    pub error_message: Option<StrBytes>,
    pub topics: Vec<DescribeQuorumResponseTopicData>,
    #[field(since = 2)]
    pub nodes: Vec<Node>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribeQuorumResponseTopicData {
    pub topic_name: StrBytes,
    pub partitions: Vec<DescribeQuorumResponsePartitionData>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribeQuorumResponsePartitionData {
    pub partition_index: i32,
    pub error_code: i16,
    #[field(since = 2, ignorable)]
    pub error_message: Option<StrBytes>,
    pub leader_id: i32,
    pub leader_epoch: i32,
    pub high_watermark: i64,
    pub current_voters: Vec<ReplicaState>,
    pub observers: Vec<ReplicaState>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct Node {
    pub node_id: i32,
    pub listeners: Vec<Listener>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct Listener {
    pub name: StrBytes,
    pub host: StrBytes,
    pub port: u16,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct ReplicaState {
    pub replica_id: i32,
    #[field(since = 2)]
    pub replica_directory_id: Uuid,
    pub log_end_offset: i64,
    #[field(since = 1, default = -1, ignorable)]
    pub last_fetch_timestamp: i64,
    #[field(since = 1, default = -1, ignorable)]
    pub last_caught_up_timestamp: i64,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
