//! FetchSnapshot (key 59): reads a snapshot of the metadata in pieces (KIP-630).
//!
//! * v1 directory id, endpoints (KIP-853)

use crate::Message;
use crate::wire::{RawTaggedField, Records, StrBytes, Uuid};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 59, versions = 0..=1, flexible = 0.., listeners = [Controller])]
pub struct FetchSnapshotRequest {
    /// Id of the cluster.
    #[field(tag = 0, default = null)]
    pub cluster_id: Option<StrBytes>,
    /// Node id of the replica, -1 for a client.
    #[field(default = -1)]
    pub replica_id: i32,
    /// Limit of the whole response in bytes; the first batch is sent even if it is larger (KIP-74).
    #[field(default = i32::MAX)]
    pub max_bytes: i32,
    /// The topics.
    pub topics: Vec<FetchSnapshotRequestTopicSnapshot>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`FetchSnapshotRequest::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct FetchSnapshotRequestTopicSnapshot {
    /// Name of the topic.
    pub name: StrBytes,
    /// The partitions.
    pub partitions: Vec<FetchSnapshotRequestPartitionSnapshot>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`FetchSnapshotRequestTopicSnapshot::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct FetchSnapshotRequestPartitionSnapshot {
    /// Number of the partition within the topic.
    pub partition: i32,
    /// Epoch the sender is in.
    pub current_leader_epoch: i32,
    /// End offset and epoch that name the snapshot.
    pub snapshot_id: FetchSnapshotRequestSnapshotId,
    /// Byte position within the snapshot; in a response that of the first byte sent.
    pub position: i64,
    /// Directory id of the replica, zero if unknown (KIP-853).
    #[field(tag = 0, since = 1, ignorable)]
    pub replica_directory_id: Uuid,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The value of [`FetchSnapshotRequestPartitionSnapshot::snapshot_id`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct FetchSnapshotRequestSnapshotId {
    /// End offset of the log the snapshot stands for, exclusive; -1 for none.
    pub end_offset: i64,
    /// Epoch of the last record the snapshot stands for.
    pub epoch: i32,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 59, versions = 0..=1, flexible = 0..)]
pub struct FetchSnapshotResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    #[field(ignorable)]
    pub throttle_time_ms: i32,
    /// Error, 0 for none.
    #[field(counted = self.error_code != 0)]
    pub error_code: i16,
    /// The topics.
    pub topics: Vec<FetchSnapshotResponseTopicSnapshot>,
    /// Endpoints of the nodes the answer refers to.
    #[field(tag = 0, since = 1)]
    pub node_endpoints: Vec<NodeEndpoint>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`FetchSnapshotResponse::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct FetchSnapshotResponseTopicSnapshot {
    /// Name of the topic.
    pub name: StrBytes,
    /// The partitions.
    pub partitions: Vec<FetchSnapshotResponsePartitionSnapshot>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`FetchSnapshotResponseTopicSnapshot::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct FetchSnapshotResponsePartitionSnapshot {
    /// Number of the partition within the topic.
    pub index: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// End offset and epoch that name the snapshot.
    pub snapshot_id: FetchSnapshotResponseSnapshotId,
    /// Who leads now.
    #[field(tag = 0)]
    pub current_leader: LeaderIdAndEpoch,
    /// Bytes of the whole snapshot.
    pub size: i64,
    /// Byte position within the snapshot; in a response that of the first byte sent.
    pub position: i64,
    /// Bytes of the snapshot; may begin and end within a batch.
    pub unaligned_records: Records,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The value of [`FetchSnapshotResponsePartitionSnapshot::snapshot_id`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct FetchSnapshotResponseSnapshotId {
    /// End offset of the log the snapshot stands for, exclusive; -1 for none.
    pub end_offset: i64,
    /// Epoch of the last record the snapshot stands for.
    pub epoch: i32,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The value of [`FetchSnapshotResponsePartitionSnapshot::current_leader`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct LeaderIdAndEpoch {
    /// Node id of the leader, -1 for none.
    pub leader_id: i32,
    /// Epoch of the leader.
    pub leader_epoch: i32,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`FetchSnapshotResponse::node_endpoints`].
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
