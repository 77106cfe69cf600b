//! AlterPartition (key 56).

use crate::Message;
use crate::wire::{RawTaggedField, Uuid};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 56, versions = 2..=3, flexible = 0.., listeners = [Controller])]
pub struct AlterPartitionRequest {
    pub broker_id: i32,
    #[field(default = -1)]
    pub broker_epoch: i64,
    pub topics: Vec<AlterPartitionRequestTopicData>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct AlterPartitionRequestTopicData {
    #[field(ignorable)]
    pub topic_id: Uuid,
    pub partitions: Vec<AlterPartitionRequestPartitionData>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct AlterPartitionRequestPartitionData {
    pub partition_index: i32,
    pub leader_epoch: i32,
    #[field(until = 2)]
    pub new_isr: Vec<i32>,
    #[field(since = 3)]
    pub new_isr_with_epochs: Vec<BrokerState>,
    pub leader_recovery_state: i8,
    pub partition_epoch: i32,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct BrokerState {
    pub broker_id: i32,
    #[field(default = -1)]
    pub broker_epoch: i64,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 56, versions = 2..=3, flexible = 0..)]
pub struct AlterPartitionResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub topics: Vec<AlterPartitionResponseTopicData>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct AlterPartitionResponseTopicData {
    #[field(ignorable)]
    pub topic_id: Uuid,
    pub partitions: Vec<AlterPartitionResponsePartitionData>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct AlterPartitionResponsePartitionData {
    pub partition_index: i32,
    pub error_code: i16,
    pub leader_id: i32,
    pub leader_epoch: i32,
    pub isr: Vec<i32>,
    #[field(ignorable)]
    pub leader_recovery_state: i8,
    pub partition_epoch: i32,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
