//! DeleteTopics (key 20).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 20, versions = 1..=6, flexible = 4.., listeners = [Broker, Controller])]
pub struct DeleteTopicsRequest {
    #[field(since = 6)]
    pub topics: Vec<DeleteTopicState>,
    #[field(until = 5, ignorable)]
    pub topic_names: Vec<StrBytes>,
    pub timeout_ms: i32,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct DeleteTopicState {
    #[field(default = null)]
    pub name: Option<StrBytes>,
    pub topic_id: Uuid,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 20, versions = 1..=6, flexible = 4..)]
pub struct DeleteTopicsResponse {
    #[field(ignorable)]
    pub throttle_time_ms: i32,
    pub responses: Vec<DeletableTopicResult>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct DeletableTopicResult {
    #[field(nullable = 6..)]
    pub name: Option<StrBytes>,
    #[field(since = 6, ignorable)]
    pub topic_id: Uuid,
    pub error_code: i16,
    #[field(since = 5, default = null, ignorable)]
    pub error_message: Option<StrBytes>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
