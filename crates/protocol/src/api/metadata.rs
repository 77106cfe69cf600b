//! Metadata (key 3).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 3, versions = 0..=13, flexible = 9.., listeners = [Broker])]
pub struct MetadataRequest {
    #[field(nullable = 1..)]
    pub topics: Option<Vec<MetadataRequestTopic>>,
    #[field(since = 4, default = true)]
    pub allow_auto_topic_creation: bool,
    #[field(since = 8, until = 10)]
    pub include_cluster_authorized_operations: bool,
    #[field(since = 8)]
    pub include_topic_authorized_operations: bool,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct MetadataRequestTopic {
    #[field(since = 10, ignorable)]
    pub topic_id: Uuid,
    #[field(nullable = 10..)]
    pub name: Option<StrBytes>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 3, versions = 0..=13, flexible = 9..)]
pub struct MetadataResponse {
    #[field(since = 3, ignorable)]
    pub throttle_time_ms: i32,
    pub brokers: Vec<MetadataResponseBroker>,
    #[field(since = 2, default = null, ignorable)]
    pub cluster_id: Option<StrBytes>,
    #[field(since = 1, default = -1, ignorable)]
    pub controller_id: i32,
    pub topics: Vec<MetadataResponseTopic>,
    #[field(since = 8, until = 10, default = i32::MIN)]
    pub cluster_authorized_operations: i32,
    #[field(since = 13, ignorable)]
    pub error_code: i16,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct MetadataResponseBroker {
    pub node_id: i32,
    pub host: StrBytes,
    pub port: i32,
    #[field(since = 1, default = null, ignorable)]
    pub rack: Option<StrBytes>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct MetadataResponseTopic {
    pub error_code: i16,
    #[field(nullable = 12..)]
    pub name: Option<StrBytes>,
    #[field(since = 10, ignorable)]
    pub topic_id: Uuid,
    #[field(since = 1, ignorable)]
    pub is_internal: bool,
    pub partitions: Vec<MetadataResponsePartition>,
    #[field(since = 8, default = i32::MIN)]
    pub topic_authorized_operations: i32,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct MetadataResponsePartition {
    pub error_code: i16,
    pub partition_index: i32,
    pub leader_id: i32,
    #[field(since = 7, default = -1, ignorable)]
    pub leader_epoch: i32,
    pub replica_nodes: Vec<i32>,
    pub isr_nodes: Vec<i32>,
    #[field(since = 5, ignorable)]
    pub offline_replicas: Vec<i32>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
