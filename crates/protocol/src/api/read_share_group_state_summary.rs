//! ReadShareGroupStateSummary (key 87).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 87, versions = 0..=1, flexible = 0.., listeners = [Broker])]
pub struct ReadShareGroupStateSummaryRequest {
    pub group_id: StrBytes,
    pub topics: Vec<ReadStateSummaryData>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct ReadStateSummaryData {
    pub topic_id: Uuid,
    pub partitions: Vec<PartitionData>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct PartitionData {
    pub partition: i32,
    pub leader_epoch: i32,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 87, versions = 0..=1, flexible = 0..)]
pub struct ReadShareGroupStateSummaryResponse {
    pub results: Vec<ReadStateSummaryResult>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct ReadStateSummaryResult {
    pub topic_id: Uuid,
    pub partitions: Vec<PartitionResult>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct PartitionResult {
    pub partition: i32,
    pub error_code: i16,
    #[field(default = null)]
    pub error_message: Option<StrBytes>,
    pub state_epoch: i32,
    pub leader_epoch: i32,
    pub start_offset: i64,
    #[field(since = 1, default = -1, ignorable)]
    pub delivery_complete_count: i32,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
