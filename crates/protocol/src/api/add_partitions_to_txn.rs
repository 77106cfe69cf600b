//! AddPartitionsToTxn (key 24).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 24, versions = 0..=5, flexible = 3.., listeners = [Broker])]
pub struct AddPartitionsToTxnRequest {
    #[field(since = 4)]
    pub transactions: Vec<AddPartitionsToTxnTransaction>,
    #[field(until = 3)]
    pub v3_and_below_transactional_id: StrBytes,
    #[field(until = 3)]
    pub v3_and_below_producer_id: i64,
    #[field(until = 3)]
    pub v3_and_below_producer_epoch: i16,
    #[field(until = 3)]
    pub v3_and_below_topics: Vec<AddPartitionsToTxnTopic>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct AddPartitionsToTxnTransaction {
    pub transactional_id: StrBytes,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub verify_only: bool,
    pub topics: Vec<AddPartitionsToTxnTopic>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct AddPartitionsToTxnTopic {
    pub name: StrBytes,
    pub partitions: Vec<i32>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 24, versions = 0..=5, flexible = 3..)]
pub struct AddPartitionsToTxnResponse {
    pub throttle_time_ms: i32,
    #[field(since = 4, ignorable)]
    pub error_code: i16,
    #[field(since = 4)]
    pub results_by_transaction: Vec<AddPartitionsToTxnResult>,
    #[field(until = 3)]
    pub results_by_topic_v3_and_below: Vec<AddPartitionsToTxnTopicResult>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct AddPartitionsToTxnResult {
    pub transactional_id: StrBytes,
    pub topic_results: Vec<AddPartitionsToTxnTopicResult>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct AddPartitionsToTxnTopicResult {
    pub name: StrBytes,
    pub results_by_partition: Vec<AddPartitionsToTxnPartitionResult>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct AddPartitionsToTxnPartitionResult {
    pub partition_index: i32,
    pub partition_error_code: i16,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
