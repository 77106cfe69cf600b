//! EndQuorumEpoch (key 54): tells the voters that the leader resigns (KIP-595).
//!
//! * v1 flexible, candidates with directory ids, endpoints (KIP-853)

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 54, versions = 0..=1, flexible = 1.., listeners = [Controller])]
pub struct EndQuorumEpochRequest {
    /// Id of the cluster.
    #[field(default = null)]
    pub cluster_id: Option<StrBytes>,
    /// The topics.
    pub topics: Vec<EndQuorumEpochRequestTopicData>,
    /// Endpoints of the leader, by listener.
    #[field(since = 1, ignorable)]
    pub leader_endpoints: Vec<LeaderEndpoint>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`EndQuorumEpochRequest::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct EndQuorumEpochRequestTopicData {
    /// Name of the topic.
    pub topic_name: StrBytes,
    /// The partitions.
    pub partitions: Vec<EndQuorumEpochRequestPartitionData>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`EndQuorumEpochRequestTopicData::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct EndQuorumEpochRequestPartitionData {
    /// Number of the partition within the topic.
    pub partition_index: i32,
    /// Node id of the leader, -1 for none.
    pub leader_id: i32,
    /// Epoch of the leader.
    pub leader_epoch: i32,
    /// Voters that should become candidates, best first; replaced in v1.
    #[field(until = 0, ignorable)]
    pub preferred_successors: Vec<i32>,
    /// Voters that should become candidates, best first.
    #[field(since = 1, ignorable)]
    pub preferred_candidates: Vec<ReplicaInfo>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`EndQuorumEpochRequestPartitionData::preferred_candidates`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct ReplicaInfo {
    /// Node id of the candidate.
    pub candidate_id: i32,
    /// Directory id of the candidate.
    pub candidate_directory_id: Uuid,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`EndQuorumEpochRequest::leader_endpoints`].
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
#[api(key = 54, versions = 0..=1, flexible = 1..)]
pub struct EndQuorumEpochResponse {
    /// Error, 0 for none.
    pub error_code: i16,
    /// The topics.
    pub topics: Vec<EndQuorumEpochResponseTopicData>,
    /// Endpoints of the nodes the answer refers to.
    #[field(tag = 0, since = 1)]
    pub node_endpoints: Vec<NodeEndpoint>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`EndQuorumEpochResponse::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct EndQuorumEpochResponseTopicData {
    /// Name of the topic.
    pub topic_name: StrBytes,
    /// The partitions.
    pub partitions: Vec<EndQuorumEpochResponsePartitionData>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`EndQuorumEpochResponseTopicData::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct EndQuorumEpochResponsePartitionData {
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

/// An element of [`EndQuorumEpochResponse::node_endpoints`].
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
