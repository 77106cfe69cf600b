//! Vote (key 52).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 52, versions = 0..=2, flexible = 0.., listeners = [Controller])]
pub struct VoteRequest {
    #[field(default = null)]
    pub cluster_id: Option<StrBytes>,
    #[field(since = 1, default = -1, ignorable)]
    pub voter_id: i32,
    pub topics: Vec<VoteRequestTopicData>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct VoteRequestTopicData {
    pub topic_name: StrBytes,
    pub partitions: Vec<VoteRequestPartitionData>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct VoteRequestPartitionData {
    pub partition_index: i32,
    pub replica_epoch: i32,
    pub replica_id: i32,
    #[field(since = 1, ignorable)]
    pub replica_directory_id: Uuid,
    #[field(since = 1, ignorable)]
    pub voter_directory_id: Uuid,
    pub last_offset_epoch: i32,
    pub last_offset: i64,
    #[field(since = 2)]
    pub pre_vote: bool,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 52, versions = 0..=2, flexible = 0..)]
pub struct VoteResponse {
    pub error_code: i16,
    pub topics: Vec<VoteResponseTopicData>,
    #[field(tag = 0, since = 1)]
    pub node_endpoints: Vec<NodeEndpoint>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct VoteResponseTopicData {
    pub topic_name: StrBytes,
    pub partitions: Vec<VoteResponsePartitionData>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct VoteResponsePartitionData {
    pub partition_index: i32,
    pub error_code: i16,
    pub leader_id: i32,
    pub leader_epoch: i32,
    pub vote_granted: bool,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct NodeEndpoint {
    pub node_id: i32,
    pub host: StrBytes,
    pub port: u16,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
