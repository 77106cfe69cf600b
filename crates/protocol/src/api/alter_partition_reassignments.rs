//! AlterPartitionReassignments (key 45): starts, changes and ends reassignments of replicas (KIP-455).
//!
//! * v1 keeps the replication factor if asked to (KIP-860)

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 45, versions = 0..=1, flexible = 0.., listeners = [Broker, Controller])]
pub struct AlterPartitionReassignmentsRequest {
    /// How long the request may take, in ms.
    #[field(default = 60000)]
    pub timeout_ms: i32,
    /// Whether a reassignment may change the number of replicas.
    #[field(since = 1, default = true)]
    pub allow_replication_factor_change: bool,
    /// The topics.
    pub topics: Vec<ReassignableTopic>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`AlterPartitionReassignmentsRequest::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct ReassignableTopic {
    /// Name of the topic.
    pub name: StrBytes,
    /// The partitions.
    pub partitions: Vec<ReassignablePartition>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ReassignableTopic::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct ReassignablePartition {
    /// Number of the partition within the topic.
    pub partition_index: i32,
    /// The wanted replicas; null ends a reassignment that is under way.
    #[field(default = null)]
    pub replicas: Option<Vec<i32>>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 45, versions = 0..=1, flexible = 0..)]
pub struct AlterPartitionReassignmentsResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// Whether a reassignment may change the number of replicas.
    #[field(since = 1, default = true, ignorable)]
    pub allow_replication_factor_change: bool,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Text for the error; null if there is none.
    pub error_message: Option<StrBytes>,
    /// Outcome, one per item of the request.
    pub responses: Vec<ReassignableTopicResponse>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`AlterPartitionReassignmentsResponse::responses`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct ReassignableTopicResponse {
    /// Name of the topic.
    pub name: StrBytes,
    /// The partitions.
    pub partitions: Vec<ReassignablePartitionResponse>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ReassignableTopicResponse::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct ReassignablePartitionResponse {
    /// Number of the partition within the topic.
    pub partition_index: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Text for the error; null if there is none.
    pub error_message: Option<StrBytes>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
