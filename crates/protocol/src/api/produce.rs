//! Produce (key 0).

use crate::Message;
use crate::wire::{RawTaggedField, Records, StrBytes, Uuid};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 0, versions = 3..=13, flexible = 9.., listeners = [Broker])]
pub struct ProduceRequest {
    #[field(default = null)]
    pub transactional_id: Option<StrBytes>,
    pub acks: i16,
    pub timeout_ms: i32,
    pub topic_data: Vec<TopicProduceData>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct TopicProduceData {
    #[field(until = 12, ignorable)]
    pub name: StrBytes,
    #[field(since = 13, ignorable)]
    pub topic_id: Uuid,
    pub partition_data: Vec<PartitionProduceData>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct PartitionProduceData {
    pub index: i32,
    pub records: Option<Records>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 0, versions = 3..=13, flexible = 9..)]
pub struct ProduceResponse {
    pub responses: Vec<TopicProduceResponse>,
    #[field(ignorable)]
    pub throttle_time_ms: i32,
    #[field(tag = 0, since = 10)]
    pub node_endpoints: Vec<NodeEndpoint>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct TopicProduceResponse {
    #[field(until = 12, ignorable)]
    pub name: StrBytes,
    #[field(since = 13, ignorable)]
    pub topic_id: Uuid,
    pub partition_responses: Vec<PartitionProduceResponse>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct PartitionProduceResponse {
    pub index: i32,
    pub error_code: i16,
    pub base_offset: i64,
    #[field(default = -1, ignorable)]
    pub log_append_time_ms: i64,
    #[field(since = 5, default = -1, ignorable)]
    pub log_start_offset: i64,
    #[field(since = 8, ignorable)]
    pub record_errors: Vec<BatchIndexAndErrorMessage>,
    #[field(since = 8, default = null, ignorable)]
    pub error_message: Option<StrBytes>,
    #[field(tag = 0, since = 10)]
    pub current_leader: LeaderIdAndEpoch,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct BatchIndexAndErrorMessage {
    pub batch_index: i32,
    #[field(default = null)]
    pub batch_index_error_message: Option<StrBytes>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct LeaderIdAndEpoch {
    #[field(default = -1)]
    pub leader_id: i32,
    #[field(default = -1)]
    pub leader_epoch: i32,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct NodeEndpoint {
    pub node_id: i32,
    pub host: StrBytes,
    pub port: i32,
    #[field(default = null)]
    pub rack: Option<StrBytes>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
