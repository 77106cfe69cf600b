//! ListPartitionReassignments (key 46).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 46, versions = 0, flexible = 0.., listeners = [Broker, Controller])]
pub struct ListPartitionReassignmentsRequest {
    #[field(default = 60000)]
    pub timeout_ms: i32,
    #[field(default = null)]
    pub topics: Option<Vec<ListPartitionReassignmentsTopics>>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct ListPartitionReassignmentsTopics {
    pub name: StrBytes,
    pub partition_indexes: Vec<i32>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 46, versions = 0, flexible = 0..)]
pub struct ListPartitionReassignmentsResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub error_message: Option<StrBytes>,
    pub topics: Vec<OngoingTopicReassignment>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct OngoingTopicReassignment {
    pub name: StrBytes,
    pub partitions: Vec<OngoingPartitionReassignment>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct OngoingPartitionReassignment {
    pub partition_index: i32,
    pub replicas: Vec<i32>,
    pub adding_replicas: Vec<i32>,
    pub removing_replicas: Vec<i32>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
