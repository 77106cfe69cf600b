//! ElectLeaders (key 43).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 43, versions = 0..=2, flexible = 2.., listeners = [Broker, Controller])]
pub struct ElectLeadersRequest {
    #[field(since = 1)]
    pub election_type: i8,
    pub topic_partitions: Option<Vec<TopicPartitions>>,
    #[field(default = 60000)]
    pub timeout_ms: i32,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct TopicPartitions {
    pub topic: StrBytes,
    pub partitions: Vec<i32>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 43, versions = 0..=2, flexible = 2..)]
pub struct ElectLeadersResponse {
    pub throttle_time_ms: i32,
    #[field(since = 1)]
    pub error_code: i16,
    pub replica_election_results: Vec<ReplicaElectionResult>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct ReplicaElectionResult {
    pub topic: StrBytes,
    pub partition_result: Vec<PartitionResult>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct PartitionResult {
    pub partition_id: i32,
    pub error_code: i16,
    pub error_message: Option<StrBytes>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
