//! ElectLeaders (key 43): elects the preferred leader, or any (KIP-183, KIP-460).
//!
//! * v1 type of election
//! * v2 flexible

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 43, versions = 0..=2, flexible = 2.., listeners = [Broker, Controller])]
pub struct ElectLeadersRequest {
    /// 0 preferred leader, 1 unclean: any live replica if none is in sync.
    #[field(since = 1)]
    pub election_type: i8,
    /// Partitions to elect for; null for all.
    pub topic_partitions: Option<Vec<TopicPartitions>>,
    /// How long the request may take, in ms.
    #[field(default = 60000)]
    pub timeout_ms: i32,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ElectLeadersRequest::topic_partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct TopicPartitions {
    /// Name of the topic.
    pub topic: StrBytes,
    /// The partitions.
    pub partitions: Vec<i32>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 43, versions = 0..=2, flexible = 2..)]
pub struct ElectLeadersResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// Error, 0 for none.
    #[field(since = 1)]
    pub error_code: i16,
    /// Outcome per topic; empty if the asker may not.
    pub replica_election_results: Vec<ReplicaElectionResult>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ElectLeadersResponse::replica_election_results`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct ReplicaElectionResult {
    /// Name of the topic.
    pub topic: StrBytes,
    /// Outcome per partition.
    pub partition_result: Vec<PartitionResult>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ReplicaElectionResult::partition_result`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct PartitionResult {
    /// Number of the partition within the topic.
    pub partition_id: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Text for the error; null if there is none.
    pub error_message: Option<StrBytes>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
