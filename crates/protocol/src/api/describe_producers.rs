//! DescribeProducers (key 61).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 61, versions = 0, flexible = 0.., listeners = [Broker])]
pub struct DescribeProducersRequest {
    pub topics: Vec<TopicRequest>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct TopicRequest {
    pub name: StrBytes,
    pub partition_indexes: Vec<i32>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 61, versions = 0, flexible = 0..)]
pub struct DescribeProducersResponse {
    pub throttle_time_ms: i32,
    pub topics: Vec<TopicResponse>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct TopicResponse {
    pub name: StrBytes,
    pub partitions: Vec<PartitionResponse>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct PartitionResponse {
    pub partition_index: i32,
    pub error_code: i16,
    #[field(default = null)]
    pub error_message: Option<StrBytes>,
    pub active_producers: Vec<ProducerState>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct ProducerState {
    pub producer_id: i64,
    pub producer_epoch: i32,
    #[field(default = -1)]
    pub last_sequence: i32,
    #[field(default = -1)]
    pub last_timestamp: i64,
    pub coordinator_epoch: i32,
    #[field(default = -1)]
    pub current_txn_start_offset: i64,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
