//! The records themselves.

use bytes::Bytes;

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

/// A segment whose copy to remote storage has begun.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 0, versions = 0, flexible = 0..)]
pub struct RemoteLogSegmentMetadataRecord {
    /// The segment.
    pub remote_log_segment_id: RemoteLogSegmentIdEntry,
    /// First offset.
    pub start_offset: i64,
    /// Last offset of the segment, inclusive.
    pub end_offset: i64,
    /// Node id of the broker.
    pub broker_id: i32,
    /// Largest timestamp of the segment's records.
    pub max_timestamp_ms: i64,
    /// When this happened, in ms since 1970.
    pub event_timestamp_ms: i64,
    /// Leader epochs within the segment and where they start.
    pub segment_leader_epochs: Vec<SegmentLeaderEpochEntry>,
    /// Bytes of the segment's log.
    pub segment_size_in_bytes: i32,
    /// Bytes of the remote storage plugin.
    #[field(default = null)]
    pub custom_metadata: Option<Bytes>,
    /// 0 copy started, 1 copy finished, 2 delete started, 3 delete finished.
    pub remote_log_segment_state: i8,
    /// Whether the segment has no aborted transaction.
    #[field(tag = 0)]
    pub txn_index_empty: bool,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The value of [`RemoteLogSegmentMetadataRecord::remote_log_segment_id`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct RemoteLogSegmentIdEntry {
    /// The partition.
    pub topic_id_partition: TopicIdPartitionEntry,
    /// Id of the segment.
    pub id: Uuid,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The value of [`RemoteLogSegmentIdEntry::topic_id_partition`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct TopicIdPartitionEntry {
    /// Name of the topic.
    pub name: StrBytes,
    /// Id of the topic.
    pub id: Uuid,
    /// Number of the partition within the topic.
    pub partition: i32,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`RemoteLogSegmentMetadataRecord::segment_leader_epochs`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct SegmentLeaderEpochEntry {
    /// Epoch of the leader.
    pub leader_epoch: i32,
    /// First offset of the epoch.
    pub offset: i64,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// A change of a segment's state.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 1, versions = 0, flexible = 0..)]
pub struct RemoteLogSegmentMetadataUpdateRecord {
    /// The segment.
    pub remote_log_segment_id: RemoteLogSegmentIdEntry,
    /// Node id of the broker.
    pub broker_id: i32,
    /// When this happened, in ms since 1970.
    pub event_timestamp_ms: i64,
    /// Bytes of the remote storage plugin.
    #[field(default = null)]
    pub custom_metadata: Option<Bytes>,
    /// 0 copy started, 1 copy finished, 2 delete started, 3 delete finished.
    pub remote_log_segment_state: i8,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// A change of the state of a partition's deletion.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 2, versions = 0, flexible = 0..)]
pub struct RemotePartitionDeleteMetadataRecord {
    /// The partition.
    pub topic_id_partition: TopicIdPartitionEntry,
    /// Node id of the broker.
    pub broker_id: i32,
    /// When this happened, in ms since 1970.
    pub event_timestamp_ms: i64,
    /// 0 marked for deletion, 1 deletion started, 2 deletion finished.
    pub remote_partition_delete_state: i8,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// A segment as it stands, in a snapshot of the metadata.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 3, versions = 0, flexible = 0..)]
pub struct RemoteLogSegmentMetadataSnapshotRecord {
    /// Id of the segment.
    pub segment_id: Uuid,
    /// First offset.
    pub start_offset: i64,
    /// Last offset of the segment, inclusive.
    pub end_offset: i64,
    /// Node id of the broker.
    pub broker_id: i32,
    /// Largest timestamp of the segment's records.
    pub max_timestamp_ms: i64,
    /// When this happened, in ms since 1970.
    pub event_timestamp_ms: i64,
    /// Leader epochs within the segment and where they start.
    pub segment_leader_epochs: Vec<SegmentLeaderEpochEntry>,
    /// Bytes of the segment's log.
    pub segment_size_in_bytes: i32,
    /// Bytes of the remote storage plugin.
    #[field(default = null)]
    pub custom_metadata: Option<Bytes>,
    /// 0 copy started, 1 copy finished, 2 delete started, 3 delete finished.
    pub remote_log_segment_state: i8,
    /// Whether the segment has no aborted transaction.
    #[field(tag = 0)]
    pub txn_index_empty: bool,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
