//! Remote log metadata records.

use bytes::Bytes;

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 0, versions = 0, flexible = 0..)]
pub struct RemoteLogSegmentMetadataRecord {
    pub remote_log_segment_id: RemoteLogSegmentIdEntry,
    pub start_offset: i64,
    pub end_offset: i64,
    pub broker_id: i32,
    pub max_timestamp_ms: i64,
    pub event_timestamp_ms: i64,
    pub segment_leader_epochs: Vec<SegmentLeaderEpochEntry>,
    pub segment_size_in_bytes: i32,
    #[field(default = null)]
    pub custom_metadata: Option<Bytes>,
    pub remote_log_segment_state: i8,
    #[field(tag = 0)]
    pub txn_index_empty: bool,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct RemoteLogSegmentIdEntry {
    pub topic_id_partition: TopicIdPartitionEntry,
    pub id: Uuid,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct TopicIdPartitionEntry {
    pub name: StrBytes,
    pub id: Uuid,
    pub partition: i32,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct SegmentLeaderEpochEntry {
    pub leader_epoch: i32,
    pub offset: i64,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 1, versions = 0, flexible = 0..)]
pub struct RemoteLogSegmentMetadataUpdateRecord {
    pub remote_log_segment_id: RemoteLogSegmentIdEntry,
    pub broker_id: i32,
    pub event_timestamp_ms: i64,
    #[field(default = null)]
    pub custom_metadata: Option<Bytes>,
    pub remote_log_segment_state: i8,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 2, versions = 0, flexible = 0..)]
pub struct RemotePartitionDeleteMetadataRecord {
    pub topic_id_partition: TopicIdPartitionEntry,
    pub broker_id: i32,
    pub event_timestamp_ms: i64,
    pub remote_partition_delete_state: i8,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 3, versions = 0, flexible = 0..)]
pub struct RemoteLogSegmentMetadataSnapshotRecord {
    pub segment_id: Uuid,
    pub start_offset: i64,
    pub end_offset: i64,
    pub broker_id: i32,
    pub max_timestamp_ms: i64,
    pub event_timestamp_ms: i64,
    pub segment_leader_epochs: Vec<SegmentLeaderEpochEntry>,
    pub segment_size_in_bytes: i32,
    #[field(default = null)]
    pub custom_metadata: Option<Bytes>,
    pub remote_log_segment_state: i8,
    #[field(tag = 0)]
    pub txn_index_empty: bool,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
