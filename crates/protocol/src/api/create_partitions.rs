//! CreatePartitions (key 37): adds partitions to topics (KIP-195).
//!
//! * v2 flexible
//! * v3 THROTTLING_QUOTA_EXCEEDED (KIP-599)

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 37, versions = 0..=3, flexible = 2.., listeners = [Broker, Controller])]
pub struct CreatePartitionsRequest {
    /// The topics.
    pub topics: Vec<CreatePartitionsTopic>,
    /// How long the request may take, in ms.
    pub timeout_ms: i32,
    /// Whether to only check the request, changing nothing.
    pub validate_only: bool,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`CreatePartitionsRequest::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct CreatePartitionsTopic {
    /// Name of the topic.
    pub name: StrBytes,
    /// Number of partitions the topic shall have, the existing ones included.
    pub count: i32,
    /// Replicas of each new partition, chosen by hand; null to let the controller choose.
    pub assignments: Option<Vec<CreatePartitionsAssignment>>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`CreatePartitionsTopic::assignments`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct CreatePartitionsAssignment {
    /// Node ids of the brokers that get replicas, preferred leader first.
    pub broker_ids: Vec<i32>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 37, versions = 0..=3, flexible = 2..)]
pub struct CreatePartitionsResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// Outcome, one per item of the request.
    pub results: Vec<CreatePartitionsTopicResult>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`CreatePartitionsResponse::results`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct CreatePartitionsTopicResult {
    /// Name of the topic.
    pub name: StrBytes,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Text for the error; null if there is none.
    #[field(default = null)]
    pub error_message: Option<StrBytes>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
