//! AlterPartitionReassignments (key 45).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 45, versions = 0..=1, flexible = 0.., listeners = [Broker, Controller])]
pub struct AlterPartitionReassignmentsRequest {
    #[field(default = 60000)]
    pub timeout_ms: i32,
    #[field(since = 1, default = true)]
    pub allow_replication_factor_change: bool,
    pub topics: Vec<ReassignableTopic>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct ReassignableTopic {
    pub name: StrBytes,
    pub partitions: Vec<ReassignablePartition>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct ReassignablePartition {
    pub partition_index: i32,
    #[field(default = null)]
    pub replicas: Option<Vec<i32>>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 45, versions = 0..=1, flexible = 0..)]
pub struct AlterPartitionReassignmentsResponse {
    pub throttle_time_ms: i32,
    #[field(since = 1, default = true, ignorable)]
    pub allow_replication_factor_change: bool,
    pub error_code: i16,
    pub error_message: Option<StrBytes>,
    pub responses: Vec<ReassignableTopicResponse>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct ReassignableTopicResponse {
    pub name: StrBytes,
    pub partitions: Vec<ReassignablePartitionResponse>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct ReassignablePartitionResponse {
    pub partition_index: i32,
    pub error_code: i16,
    pub error_message: Option<StrBytes>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
