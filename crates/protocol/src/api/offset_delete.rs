//! OffsetDelete (key 47).

use crate::Message;
use crate::wire::StrBytes;

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 47, versions = 0, flexible = none, listeners = [Broker])]
pub struct OffsetDeleteRequest {
    pub group_id: StrBytes,
    pub topics: Vec<OffsetDeleteRequestTopic>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct OffsetDeleteRequestTopic {
    pub name: StrBytes,
    pub partitions: Vec<OffsetDeleteRequestPartition>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct OffsetDeleteRequestPartition {
    pub partition_index: i32,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 47, versions = 0, flexible = none)]
pub struct OffsetDeleteResponse {
    pub error_code: i16,
    #[field(ignorable)]
    pub throttle_time_ms: i32,
    pub topics: Vec<OffsetDeleteResponseTopic>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct OffsetDeleteResponseTopic {
    pub name: StrBytes,
    pub partitions: Vec<OffsetDeleteResponsePartition>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct OffsetDeleteResponsePartition {
    pub partition_index: i32,
    pub error_code: i16,
}
