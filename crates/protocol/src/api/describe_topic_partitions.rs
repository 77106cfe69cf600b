//! DescribeTopicPartitions (key 75): describes topics page by page (KIP-966).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 75, versions = 0, flexible = 0.., listeners = [Broker])]
pub struct DescribeTopicPartitionsRequest {
    /// The topics.
    pub topics: Vec<TopicRequest>,
    /// Most partitions to send in one response.
    #[field(default = 2000)]
    pub response_partition_limit: i32,
    /// Where to go on; null to begin.
    #[field(default = null)]
    pub cursor: Option<DescribeTopicPartitionsRequestCursor>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`DescribeTopicPartitionsRequest::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct TopicRequest {
    /// Name of the topic.
    pub name: StrBytes,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The value of [`DescribeTopicPartitionsRequest::cursor`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribeTopicPartitionsRequestCursor {
    /// Name of the topic.
    pub topic_name: StrBytes,
    /// Number of the partition within the topic.
    pub partition_index: i32,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 75, versions = 0, flexible = 0..)]
pub struct DescribeTopicPartitionsResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    #[field(ignorable)]
    pub throttle_time_ms: i32,
    /// The topics.
    pub topics: Vec<DescribeTopicPartitionsResponseTopic>,
    /// Where to go on; null at the end.
    #[field(default = null)]
    pub next_cursor: Option<DescribeTopicPartitionsResponseCursor>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`DescribeTopicPartitionsResponse::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribeTopicPartitionsResponseTopic {
    /// Error, 0 for none.
    pub error_code: i16,
    /// Name of the topic.
    pub name: Option<StrBytes>,
    /// Id of the topic.
    #[field(ignorable)]
    pub topic_id: Uuid,
    /// Whether it is one of Kafka's own topics.
    #[field(ignorable)]
    pub is_internal: bool,
    /// The partitions.
    pub partitions: Vec<DescribeTopicPartitionsResponsePartition>,
    /// Bits of the operations the asker may do with the topic; i32::MIN if not asked for.
    #[field(default = i32::MIN)]
    pub topic_authorized_operations: i32,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`DescribeTopicPartitionsResponseTopic::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribeTopicPartitionsResponsePartition {
    /// Error, 0 for none.
    pub error_code: i16,
    /// Number of the partition within the topic.
    pub partition_index: i32,
    /// Node id of the leader, -1 for none.
    pub leader_id: i32,
    /// Epoch of the leader.
    #[field(default = -1, ignorable)]
    pub leader_epoch: i32,
    /// Node ids of all replicas, preferred leader first.
    pub replica_nodes: Vec<i32>,
    /// Node ids of the in-sync replicas.
    pub isr_nodes: Vec<i32>,
    /// Replicas that have every committed record although not in sync (KIP-966).
    #[field(default = null)]
    pub eligible_leader_replicas: Option<Vec<i32>>,
    /// The last eligible leaders that are known not to have shut down cleanly since.
    #[field(default = null)]
    pub last_known_elr: Option<Vec<i32>>,
    /// Node ids of replicas that are offline.
    #[field(ignorable)]
    pub offline_replicas: Vec<i32>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The value of [`DescribeTopicPartitionsResponse::next_cursor`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribeTopicPartitionsResponseCursor {
    /// Name of the topic.
    pub topic_name: StrBytes,
    /// Number of the partition within the topic.
    pub partition_index: i32,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
