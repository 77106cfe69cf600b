//! DescribeLogDirs (key 35).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 35, versions = 1..=5, flexible = 2.., listeners = [Broker])]
pub struct DescribeLogDirsRequest {
    pub topics: Option<Vec<DescribableLogDirTopic>>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribableLogDirTopic {
    pub topic: StrBytes,
    pub partitions: Vec<i32>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 35, versions = 1..=5, flexible = 2..)]
pub struct DescribeLogDirsResponse {
    pub throttle_time_ms: i32,
    #[field(since = 3, ignorable)]
    pub error_code: i16,
    pub results: Vec<DescribeLogDirsResult>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribeLogDirsResult {
    pub error_code: i16,
    pub log_dir: StrBytes,
    pub topics: Vec<DescribeLogDirsTopic>,
    #[field(since = 4, default = -1, ignorable)]
    pub total_bytes: i64,
    #[field(since = 4, default = -1, ignorable)]
    pub usable_bytes: i64,
    #[field(since = 5, ignorable)]
    pub is_cordoned: bool,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribeLogDirsTopic {
    pub name: StrBytes,
    pub partitions: Vec<DescribeLogDirsPartition>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribeLogDirsPartition {
    pub partition_index: i32,
    pub partition_size: i64,
    pub offset_lag: i64,
    pub is_future_key: bool,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
