//! ListPartitionReassignments (key 46): lists reassignments that are under way (KIP-455).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 46, versions = 0, flexible = 0.., listeners = [Broker, Controller])]
pub struct ListPartitionReassignmentsRequest {
    /// How long the request may take, in ms.
    #[field(default = 60000)]
    pub timeout_ms: i32,
    /// Topics to look at; null for all.
    #[field(default = null)]
    pub topics: Option<Vec<ListPartitionReassignmentsTopics>>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ListPartitionReassignmentsRequest::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct ListPartitionReassignmentsTopics {
    /// Name of the topic.
    pub name: StrBytes,
    /// Numbers of the partitions within the topic.
    pub partition_indexes: Vec<i32>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 46, versions = 0, flexible = 0..)]
pub struct ListPartitionReassignmentsResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Text for the error; null if there is none.
    pub error_message: Option<StrBytes>,
    /// The topics.
    pub topics: Vec<OngoingTopicReassignment>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ListPartitionReassignmentsResponse::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct OngoingTopicReassignment {
    /// Name of the topic.
    pub name: StrBytes,
    /// The partitions.
    pub partitions: Vec<OngoingPartitionReassignment>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`OngoingTopicReassignment::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct OngoingPartitionReassignment {
    /// Number of the partition within the topic.
    pub partition_index: i32,
    /// Node ids of all replicas, preferred leader first.
    pub replicas: Vec<i32>,
    /// Replicas a reassignment adds.
    pub adding_replicas: Vec<i32>,
    /// Replicas a reassignment removes.
    pub removing_replicas: Vec<i32>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
