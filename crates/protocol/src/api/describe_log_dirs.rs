//! DescribeLogDirs (key 35): describes the log dirs of a broker and what they hold (KIP-113).
//!
//! * v2 flexible
//! * v3 top-level error
//! * v4 size of the volumes (KIP-827)
//! * v5 cordoned dirs (KIP-1066)

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 35, versions = 1..=5, flexible = 2.., listeners = [Broker])]
pub struct DescribeLogDirsRequest {
    /// Topics to describe; null for all.
    pub topics: Option<Vec<DescribableLogDirTopic>>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`DescribeLogDirsRequest::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribableLogDirTopic {
    /// Name of the topic.
    pub topic: StrBytes,
    /// The partitions.
    pub partitions: Vec<i32>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 35, versions = 1..=5, flexible = 2..)]
pub struct DescribeLogDirsResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// Error, 0 for none.
    #[field(since = 3, ignorable)]
    pub error_code: i16,
    /// Outcome, one per item of the request.
    pub results: Vec<DescribeLogDirsResult>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`DescribeLogDirsResponse::results`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribeLogDirsResult {
    /// Error, 0 for none.
    pub error_code: i16,
    /// Path of the log dir.
    pub log_dir: StrBytes,
    /// The topics.
    pub topics: Vec<DescribeLogDirsTopic>,
    /// Size of the volume in bytes, -1 if unknown.
    #[field(since = 4, default = -1, ignorable)]
    pub total_bytes: i64,
    /// Free bytes of the volume, -1 if unknown.
    #[field(since = 4, default = -1, ignorable)]
    pub usable_bytes: i64,
    /// Whether the log dir gets no new replicas.
    #[field(since = 5, ignorable)]
    pub is_cordoned: bool,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`DescribeLogDirsResult::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribeLogDirsTopic {
    /// Name of the topic.
    pub name: StrBytes,
    /// The partitions.
    pub partitions: Vec<DescribeLogDirsPartition>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`DescribeLogDirsTopic::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribeLogDirsPartition {
    /// Number of the partition within the topic.
    pub partition_index: i32,
    /// Bytes of all segments of the partition.
    pub partition_size: i64,
    /// How far the log is behind: behind the high watermark, or for a future copy behind the current
    /// log.
    pub offset_lag: i64,
    /// Whether this is the copy that is to replace the log after a move between dirs.
    pub is_future_key: bool,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
