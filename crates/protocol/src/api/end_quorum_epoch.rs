//! EndQuorumEpoch (key 54).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 54, versions = 0..=1, flexible = 1.., listeners = [Controller])]
pub struct EndQuorumEpochRequest {
    #[field(default = null)]
    pub cluster_id: Option<StrBytes>,
    pub topics: Vec<EndQuorumEpochRequestTopicData>,
    #[field(since = 1, ignorable)]
    pub leader_endpoints: Vec<LeaderEndpoint>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct EndQuorumEpochRequestTopicData {
    pub topic_name: StrBytes,
    pub partitions: Vec<EndQuorumEpochRequestPartitionData>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct EndQuorumEpochRequestPartitionData {
    pub partition_index: i32,
    pub leader_id: i32,
    pub leader_epoch: i32,
    #[field(until = 0, ignorable)]
    pub preferred_successors: Vec<i32>,
    #[field(since = 1, ignorable)]
    pub preferred_candidates: Vec<ReplicaInfo>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct ReplicaInfo {
    pub candidate_id: i32,
    pub candidate_directory_id: Uuid,
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
#[api(key = 54, versions = 0..=1, flexible = 1..)]
pub struct EndQuorumEpochResponse {
    pub error_code: i16,
    pub topics: Vec<EndQuorumEpochResponseTopicData>,
    #[field(tag = 0, since = 1)]
    pub node_endpoints: Vec<NodeEndpoint>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct EndQuorumEpochResponseTopicData {
    pub topic_name: StrBytes,
    pub partitions: Vec<EndQuorumEpochResponsePartitionData>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct EndQuorumEpochResponsePartitionData {
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
