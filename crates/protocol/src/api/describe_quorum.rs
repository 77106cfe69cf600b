//! DescribeQuorum (key 55): describes the replicas of the metadata quorum (KIP-595).
//!
//! * v1 times of fetches (KIP-836)
//! * v2 directory ids, endpoints, error messages (KIP-853)

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 55, versions = 0..=2, flexible = 0.., listeners = [Broker, Controller])]
pub struct DescribeQuorumRequest {
    /// Must name the metadata partition.
    pub topics: Vec<DescribeQuorumRequestTopicData>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`DescribeQuorumRequest::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribeQuorumRequestTopicData {
    /// Name of the topic.
    pub topic_name: StrBytes,
    /// The partitions.
    pub partitions: Vec<DescribeQuorumRequestPartitionData>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`DescribeQuorumRequestTopicData::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribeQuorumRequestPartitionData {
    /// Number of the partition within the topic.
    pub partition_index: i32,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 55, versions = 0..=2, flexible = 0..)]
pub struct DescribeQuorumResponse {
    /// Error, 0 for none.
    pub error_code: i16,
    /// Text for the error; null if there is none.
    #[field(since = 2, ignorable)]
    pub error_message: Option<StrBytes>,
    /// The topics.
    pub topics: Vec<DescribeQuorumResponseTopicData>,
    /// The nodes of the quorum.
    #[field(since = 2)]
    pub nodes: Vec<Node>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`DescribeQuorumResponse::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribeQuorumResponseTopicData {
    /// Name of the topic.
    pub topic_name: StrBytes,
    /// The partitions.
    pub partitions: Vec<DescribeQuorumResponsePartitionData>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`DescribeQuorumResponseTopicData::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribeQuorumResponsePartitionData {
    /// Number of the partition within the topic.
    pub partition_index: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Text for the error; null if there is none.
    #[field(since = 2, ignorable)]
    pub error_message: Option<StrBytes>,
    /// Node id of the leader, -1 for none.
    pub leader_id: i32,
    /// Epoch of the leader.
    pub leader_epoch: i32,
    /// High watermark, -1 on error.
    pub high_watermark: i64,
    /// The voters.
    pub current_voters: Vec<ReplicaState>,
    /// The observers.
    pub observers: Vec<ReplicaState>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`DescribeQuorumResponse::nodes`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct Node {
    /// Node id.
    pub node_id: i32,
    /// Endpoints, by listener.
    pub listeners: Vec<Listener>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`Node::listeners`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct Listener {
    /// Name of the listener.
    pub name: StrBytes,
    /// Host name or address.
    pub host: StrBytes,
    /// Port.
    pub port: u16,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`DescribeQuorumResponsePartitionData::current_voters`] and
/// [`DescribeQuorumResponsePartitionData::observers`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct ReplicaState {
    /// Node id.
    pub replica_id: i32,
    /// Directory id of the replica, zero if unknown (KIP-853).
    #[field(since = 2)]
    pub replica_directory_id: Uuid,
    /// End of the replica's log, -1 if unknown.
    pub log_end_offset: i64,
    /// When the replica last fetched, in ms since 1970; -1 if unknown.
    #[field(since = 1, default = -1, ignorable)]
    pub last_fetch_timestamp: i64,
    /// When the replica last had everything the leader had, in ms since 1970; -1 if unknown.
    #[field(since = 1, default = -1, ignorable)]
    pub last_caught_up_timestamp: i64,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
