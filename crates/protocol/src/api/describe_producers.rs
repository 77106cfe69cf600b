//! DescribeProducers (key 61): lists the producers with state in partitions (KIP-664).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 61, versions = 0, flexible = 0.., listeners = [Broker])]
pub struct DescribeProducersRequest {
    /// Topics to describe.
    pub topics: Vec<TopicRequest>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`DescribeProducersRequest::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct TopicRequest {
    /// Name of the topic.
    pub name: StrBytes,
    /// Numbers of the partitions within the topic.
    pub partition_indexes: Vec<i32>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 61, versions = 0, flexible = 0..)]
pub struct DescribeProducersResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// The topics.
    pub topics: Vec<TopicResponse>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`DescribeProducersResponse::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct TopicResponse {
    /// Name of the topic.
    pub name: StrBytes,
    /// The partitions.
    pub partitions: Vec<PartitionResponse>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`TopicResponse::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct PartitionResponse {
    /// Number of the partition within the topic.
    pub partition_index: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Text for the error; null if there is none.
    #[field(default = null)]
    pub error_message: Option<StrBytes>,
    /// Producers with state in this partition.
    pub active_producers: Vec<ProducerState>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`PartitionResponse::active_producers`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct ProducerState {
    /// Producer id.
    pub producer_id: i64,
    /// Epoch of the producer id.
    pub producer_epoch: i32,
    /// Sequence number of the last record of the producer.
    #[field(default = -1)]
    pub last_sequence: i32,
    /// Timestamp of the producer's last batch.
    #[field(default = -1)]
    pub last_timestamp: i64,
    /// Epoch of the coordinator that last ended a transaction, -1 for none.
    pub coordinator_epoch: i32,
    /// First offset of the open transaction, -1 if there is none.
    #[field(default = -1)]
    pub current_txn_start_offset: i64,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
