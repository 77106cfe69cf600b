//! CreateTopics (key 19): creates topics.
//!
//! * v4 defaults for partitions and replicas (KIP-464)
//! * v5 flexible, configs in the answer (KIP-525)
//! * v6 THROTTLING_QUOTA_EXCEEDED (KIP-599)
//! * v7 topic ids (KIP-516)

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 19, versions = 2..=7, flexible = 5.., listeners = [Broker, Controller])]
pub struct CreateTopicsRequest {
    /// The topics.
    pub topics: Vec<CreatableTopic>,
    /// How long the request may take, in ms.
    #[field(default = 60000)]
    pub timeout_ms: i32,
    /// Whether to only check the request, changing nothing.
    pub validate_only: bool,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`CreateTopicsRequest::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct CreatableTopic {
    /// Name of the topic.
    pub name: StrBytes,
    /// Number of partitions; -1 for the broker's default (KIP-464) or if `assignments` says it.
    pub num_partitions: i32,
    /// Replicas per partition; -1 for the broker's default (KIP-464) or if `assignments` says it.
    pub replication_factor: i16,
    /// Replicas of each partition, chosen by hand; empty to let the controller choose.
    pub assignments: Vec<CreatableReplicaAssignment>,
    /// Config entries.
    pub configs: Vec<CreatableTopicConfig>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`CreatableTopic::assignments`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct CreatableReplicaAssignment {
    /// Number of the partition within the topic.
    pub partition_index: i32,
    /// Node ids of the replicas, preferred leader first.
    pub broker_ids: Vec<i32>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`CreatableTopic::configs`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct CreatableTopicConfig {
    /// Name of the topic.
    pub name: StrBytes,
    /// Value; null if it has none or is not shown.
    pub value: Option<StrBytes>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 19, versions = 2..=7, flexible = 5..)]
pub struct CreateTopicsResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    #[field(ignorable)]
    pub throttle_time_ms: i32,
    /// The topics.
    pub topics: Vec<CreatableTopicResult>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`CreateTopicsResponse::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct CreatableTopicResult {
    /// Name of the topic.
    pub name: StrBytes,
    /// Id of the topic.
    #[field(since = 7, ignorable)]
    pub topic_id: Uuid,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Text for the error; null if there is none.
    #[field(ignorable)]
    pub error_message: Option<StrBytes>,
    /// Why configs are not sent, 0 if they are.
    #[field(tag = 0, since = 5, ignorable, counted = false)]
    pub topic_config_error_code: i16,
    /// Number of partitions, -1 for the broker's default.
    #[field(since = 5, default = -1, ignorable)]
    pub num_partitions: i32,
    /// Replicas per partition, -1 for the broker's default.
    #[field(since = 5, default = -1, ignorable)]
    pub replication_factor: i16,
    /// Config entries.
    #[field(since = 5, ignorable)]
    pub configs: Option<Vec<CreatableTopicConfigs>>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`CreatableTopicResult::configs`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct CreatableTopicConfigs {
    /// Name of the topic.
    pub name: StrBytes,
    /// Value; null if it has none or is not shown.
    pub value: Option<StrBytes>,
    /// Whether the config cannot be changed at run time.
    pub read_only: bool,
    /// Where the value comes from, by the numbers of `ConfigSource`.
    #[field(default = -1, ignorable)]
    pub config_source: i8,
    /// Whether the value is secret and not shown.
    pub is_sensitive: bool,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
