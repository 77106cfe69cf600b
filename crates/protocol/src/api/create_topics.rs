//! CreateTopics (key 19).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 19, versions = 2..=7, flexible = 5.., listeners = [Broker, Controller])]
pub struct CreateTopicsRequest {
    pub topics: Vec<CreatableTopic>,
    #[field(default = 60000)]
    pub timeout_ms: i32,
    pub validate_only: bool,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct CreatableTopic {
    pub name: StrBytes,
    pub num_partitions: i32,
    pub replication_factor: i16,
    pub assignments: Vec<CreatableReplicaAssignment>,
    pub configs: Vec<CreatableTopicConfig>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct CreatableReplicaAssignment {
    pub partition_index: i32,
    pub broker_ids: Vec<i32>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct CreatableTopicConfig {
    pub name: StrBytes,
    pub value: Option<StrBytes>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 19, versions = 2..=7, flexible = 5..)]
pub struct CreateTopicsResponse {
    #[field(ignorable)]
    pub throttle_time_ms: i32,
    pub topics: Vec<CreatableTopicResult>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct CreatableTopicResult {
    pub name: StrBytes,
    #[field(since = 7, ignorable)]
    pub topic_id: Uuid,
    pub error_code: i16,
    #[field(ignorable)]
    pub error_message: Option<StrBytes>,
    #[field(tag = 0, since = 5, ignorable)]
    pub topic_config_error_code: i16,
    #[field(since = 5, default = -1, ignorable)]
    pub num_partitions: i32,
    #[field(since = 5, default = -1, ignorable)]
    pub replication_factor: i16,
    #[field(since = 5, ignorable)]
    pub configs: Option<Vec<CreatableTopicConfigs>>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct CreatableTopicConfigs {
    pub name: StrBytes,
    pub value: Option<StrBytes>,
    pub read_only: bool,
    #[field(default = -1, ignorable)]
    pub config_source: i8,
    pub is_sensitive: bool,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
