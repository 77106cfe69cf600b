//! Vote (key 52): asks for a vote in an election of the metadata quorum (KIP-595).
//!
//! * v1 directory ids (KIP-853)
//! * v2 pre-vote (KIP-996)

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 52, versions = 0..=2, flexible = 0.., listeners = [Controller])]
pub struct VoteRequest {
    /// Id of the cluster.
    #[field(default = null)]
    pub cluster_id: Option<StrBytes>,
    /// Node id of the replica that is asked.
    #[field(since = 1, default = -1, ignorable)]
    pub voter_id: i32,
    /// The topics.
    pub topics: Vec<VoteRequestTopicData>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`VoteRequest::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct VoteRequestTopicData {
    /// Name of the topic.
    pub topic_name: StrBytes,
    /// The partitions.
    pub partitions: Vec<VoteRequestPartitionData>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`VoteRequestTopicData::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct VoteRequestPartitionData {
    /// Number of the partition within the topic.
    pub partition_index: i32,
    /// Epoch the sender is in.
    pub replica_epoch: i32,
    /// Node id of the sender.
    pub replica_id: i32,
    /// Directory id of the replica, zero if unknown (KIP-853).
    #[field(since = 1, ignorable)]
    pub replica_directory_id: Uuid,
    /// Directory id of the replica that is asked.
    #[field(since = 1, ignorable)]
    pub voter_directory_id: Uuid,
    /// Epoch of the last record in the candidate's log.
    pub last_offset_epoch: i32,
    /// End of the sender's log.
    pub last_offset: i64,
    /// Whether this only asks if a vote would be granted, changing nothing (KIP-996).
    #[field(since = 2)]
    pub pre_vote: bool,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 52, versions = 0..=2, flexible = 0..)]
pub struct VoteResponse {
    /// Error, 0 for none.
    pub error_code: i16,
    /// The topics.
    pub topics: Vec<VoteResponseTopicData>,
    /// Endpoints of the nodes the answer refers to.
    #[field(tag = 0, since = 1)]
    pub node_endpoints: Vec<NodeEndpoint>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`VoteResponse::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct VoteResponseTopicData {
    /// Name of the topic.
    pub topic_name: StrBytes,
    /// The partitions.
    pub partitions: Vec<VoteResponsePartitionData>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`VoteResponseTopicData::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct VoteResponsePartitionData {
    /// Number of the partition within the topic.
    pub partition_index: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Node id of the leader, -1 for none.
    pub leader_id: i32,
    /// Epoch of the leader.
    pub leader_epoch: i32,
    /// Whether the vote is granted.
    pub vote_granted: bool,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`VoteResponse::node_endpoints`].
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
