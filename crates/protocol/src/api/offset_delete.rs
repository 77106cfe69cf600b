//! OffsetDelete (key 47): deletes committed offsets of a group (KIP-496). Never flexible.

use crate::Message;
use crate::wire::StrBytes;

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 47, versions = 0, flexible = none, listeners = [Broker])]
pub struct OffsetDeleteRequest {
    /// Id of the group.
    pub group_id: StrBytes,
    /// The topics.
    pub topics: Vec<OffsetDeleteRequestTopic>,
}

/// An element of [`OffsetDeleteRequest::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct OffsetDeleteRequestTopic {
    /// Name of the topic.
    pub name: StrBytes,
    /// The partitions.
    pub partitions: Vec<OffsetDeleteRequestPartition>,
}

/// An element of [`OffsetDeleteRequestTopic::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct OffsetDeleteRequestPartition {
    /// Number of the partition within the topic.
    pub partition_index: i32,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 47, versions = 0, flexible = none)]
pub struct OffsetDeleteResponse {
    /// Error, 0 for none.
    pub error_code: i16,
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    #[field(ignorable)]
    pub throttle_time_ms: i32,
    /// The topics.
    pub topics: Vec<OffsetDeleteResponseTopic>,
}

/// An element of [`OffsetDeleteResponse::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct OffsetDeleteResponseTopic {
    /// Name of the topic.
    pub name: StrBytes,
    /// The partitions.
    pub partitions: Vec<OffsetDeleteResponsePartition>,
}

/// An element of [`OffsetDeleteResponseTopic::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct OffsetDeleteResponsePartition {
    /// Number of the partition within the topic.
    pub partition_index: i32,
    /// Error, 0 for none.
    pub error_code: i16,
}
