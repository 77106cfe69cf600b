//! DeleteTopics (key 20): deletes topics.
//!
//! * v1 throttle time
//! * v4 flexible
//! * v5 error message, THROTTLING_QUOTA_EXCEEDED (KIP-599)
//! * v6 by topic id (KIP-516)

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 20, versions = 1..=6, flexible = 4.., listeners = [Broker, Controller])]
pub struct DeleteTopicsRequest {
    /// The topics.
    #[field(since = 6)]
    pub topics: Vec<DeleteTopicState>,
    /// Names of the topics.
    #[field(until = 5, ignorable)]
    pub topic_names: Vec<StrBytes>,
    /// How long the request may take, in ms.
    pub timeout_ms: i32,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`DeleteTopicsRequest::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct DeleteTopicState {
    /// Name of the topic; null if it is named by id.
    #[field(default = null)]
    pub name: Option<StrBytes>,
    /// Id of the topic.
    pub topic_id: Uuid,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 20, versions = 1..=6, flexible = 4..)]
pub struct DeleteTopicsResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    #[field(ignorable)]
    pub throttle_time_ms: i32,
    /// Outcome, one per item of the request.
    pub responses: Vec<DeletableTopicResult>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`DeleteTopicsResponse::responses`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct DeletableTopicResult {
    /// Name of the topic; null if it is unknown or not for the asker to see.
    #[field(nullable = 6..)]
    pub name: Option<StrBytes>,
    /// Id of the topic.
    #[field(since = 6, ignorable)]
    pub topic_id: Uuid,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Text for the error; null if there is none.
    #[field(since = 5, default = null, ignorable)]
    pub error_message: Option<StrBytes>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
