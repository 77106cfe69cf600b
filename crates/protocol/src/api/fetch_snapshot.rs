//! FetchSnapshot (key 59).

use crate::Message;
use crate::wire::{RawTaggedField, Records, StrBytes, Uuid};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 59, versions = 0..=1, flexible = 0.., listeners = [Controller])]
pub struct FetchSnapshotRequest {
    #[field(tag = 0, default = null)]
    pub cluster_id: Option<StrBytes>,
    #[field(default = -1)]
    pub replica_id: i32,
    #[field(default = i32::MAX)]
    pub max_bytes: i32,
    pub topics: Vec<FetchSnapshotRequestTopicSnapshot>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct FetchSnapshotRequestTopicSnapshot {
    pub name: StrBytes,
    pub partitions: Vec<FetchSnapshotRequestPartitionSnapshot>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct FetchSnapshotRequestPartitionSnapshot {
    pub partition: i32,
    pub current_leader_epoch: i32,
    pub snapshot_id: FetchSnapshotRequestSnapshotId,
    pub position: i64,
    #[field(tag = 0, since = 1, ignorable)]
    pub replica_directory_id: Uuid,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct FetchSnapshotRequestSnapshotId {
    pub end_offset: i64,
    pub epoch: i32,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 59, versions = 0..=1, flexible = 0..)]
pub struct FetchSnapshotResponse {
    #[field(ignorable)]
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub topics: Vec<FetchSnapshotResponseTopicSnapshot>,
    #[field(tag = 0, since = 1)]
    pub node_endpoints: Vec<NodeEndpoint>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct FetchSnapshotResponseTopicSnapshot {
    pub name: StrBytes,
    pub partitions: Vec<FetchSnapshotResponsePartitionSnapshot>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct FetchSnapshotResponsePartitionSnapshot {
    pub index: i32,
    pub error_code: i16,
    pub snapshot_id: FetchSnapshotResponseSnapshotId,
    #[field(tag = 0)]
    pub current_leader: LeaderIdAndEpoch,
    pub size: i64,
    pub position: i64,
    pub unaligned_records: Records,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct FetchSnapshotResponseSnapshotId {
    pub end_offset: i64,
    pub epoch: i32,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct LeaderIdAndEpoch {
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
