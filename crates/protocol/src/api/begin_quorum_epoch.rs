//! BeginQuorumEpoch (key 53).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 53, versions = 0..=1, flexible = 1.., listeners = [Controller])]
pub struct BeginQuorumEpochRequest {
    #[field(default = null)]
    pub cluster_id: Option<StrBytes>,
    #[field(since = 1, default = -1, ignorable)]
    pub voter_id: i32,
    pub topics: Vec<BeginQuorumEpochRequestTopicData>,
    #[field(since = 1, ignorable)]
    pub leader_endpoints: Vec<LeaderEndpoint>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct BeginQuorumEpochRequestTopicData {
    pub topic_name: StrBytes,
    pub partitions: Vec<BeginQuorumEpochRequestPartitionData>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct BeginQuorumEpochRequestPartitionData {
    pub partition_index: i32,
    #[field(since = 1, ignorable)]
    pub voter_directory_id: Uuid,
    pub leader_id: i32,
    pub leader_epoch: i32,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct LeaderEndpoint {
    pub name: StrBytes,
    pub host: StrBytes,
    pub port: u16,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 53, versions = 0..=1, flexible = 1..)]
pub struct BeginQuorumEpochResponse {
    pub error_code: i16,
    pub topics: Vec<BeginQuorumEpochResponseTopicData>,
    #[field(tag = 0, since = 1)]
    pub node_endpoints: Vec<NodeEndpoint>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct BeginQuorumEpochResponseTopicData {
    pub topic_name: StrBytes,
    pub partitions: Vec<BeginQuorumEpochResponsePartitionData>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct BeginQuorumEpochResponsePartitionData {
    pub partition_index: i32,
    pub error_code: i16,
    pub leader_id: i32,
    pub leader_epoch: i32,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct NodeEndpoint {
    pub node_id: i32,
    pub host: StrBytes,
    pub port: u16,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
