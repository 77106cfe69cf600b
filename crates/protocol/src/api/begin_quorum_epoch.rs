//! BeginQuorumEpoch (key 53): tells the voters of a new leader (KIP-595).
//!
//! * v1 flexible, directory ids and endpoints (KIP-853)

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 53, versions = 0..=1, flexible = 1.., listeners = [Controller])]
pub struct BeginQuorumEpochRequest {
    /// Id of the cluster.
    #[field(default = null)]
    pub cluster_id: Option<StrBytes>,
    /// Node id of the voter.
    #[field(since = 1, default = -1, ignorable)]
    pub voter_id: i32,
    /// The topics.
    pub topics: Vec<BeginQuorumEpochRequestTopicData>,
    /// Endpoints of the leader, by listener.
    #[field(since = 1, ignorable)]
    pub leader_endpoints: Vec<LeaderEndpoint>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`BeginQuorumEpochRequest::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct BeginQuorumEpochRequestTopicData {
    /// Name of the topic.
    pub topic_name: StrBytes,
    /// The partitions.
    pub partitions: Vec<BeginQuorumEpochRequestPartitionData>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`BeginQuorumEpochRequestTopicData::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct BeginQuorumEpochRequestPartitionData {
    /// Number of the partition within the topic.
    pub partition_index: i32,
    /// Directory id of the voter.
    #[field(since = 1, ignorable)]
    pub voter_directory_id: Uuid,
    /// Node id of the leader, -1 for none.
    pub leader_id: i32,
    /// Epoch of the leader.
    pub leader_epoch: i32,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`BeginQuorumEpochRequest::leader_endpoints`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct LeaderEndpoint {
    /// Name of the listener.
    pub name: StrBytes,
    /// Host name or address.
    pub host: StrBytes,
    /// Port.
    pub port: u16,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 53, versions = 0..=1, flexible = 1..)]
pub struct BeginQuorumEpochResponse {
    /// Error, 0 for none.
    pub error_code: i16,
    /// The topics.
    pub topics: Vec<BeginQuorumEpochResponseTopicData>,
    /// Endpoints of the nodes the answer refers to.
    #[field(tag = 0, since = 1)]
    pub node_endpoints: Vec<NodeEndpoint>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`BeginQuorumEpochResponse::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct BeginQuorumEpochResponseTopicData {
    /// Name of the topic.
    pub topic_name: StrBytes,
    /// The partitions.
    pub partitions: Vec<BeginQuorumEpochResponsePartitionData>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`BeginQuorumEpochResponseTopicData::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct BeginQuorumEpochResponsePartitionData {
    /// Number of the partition within the topic.
    pub partition_index: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Node id of the leader, -1 for none.
    pub leader_id: i32,
    /// Epoch of the leader.
    pub leader_epoch: i32,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`BeginQuorumEpochResponse::node_endpoints`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct NodeEndpoint {
    /// Node id.
    pub node_id: i32,
    /// Host name or address.
    pub host: StrBytes,
    /// Port.
    pub port: u16,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
