//! Metadata (key 3): describes brokers, topics and their leaders: what every client asks first.
//!
//! * v1 null for all topics
//! * v4 topic creation
//! * v5 offline replicas
//! * v7 leader epoch
//! * v8 authorized operations
//! * v9 flexible
//! * v10 topic ids in answers
//! * v11 cluster operations moved to DescribeCluster (KIP-700)
//! * v12 topics by id
//! * v13 top-level error (KIP-1102)

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 3, versions = 0..=13, flexible = 9.., listeners = [Broker])]
pub struct MetadataRequest {
    /// Topics to describe; null for all (v0: empty for all).
    #[field(nullable = 1..)]
    pub topics: Option<Vec<MetadataRequestTopic>>,
    /// Whether asking for a topic may create it, if the broker allows that too.
    #[field(since = 4, default = true)]
    pub allow_auto_topic_creation: bool,
    /// Whether to say what the asker may do with the cluster.
    #[field(since = 8, until = 10)]
    pub include_cluster_authorized_operations: bool,
    /// Whether to say what the asker may do with each topic.
    #[field(since = 8)]
    pub include_topic_authorized_operations: bool,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`MetadataRequest::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct MetadataRequestTopic {
    /// Id of the topic.
    #[field(since = 10, ignorable)]
    pub topic_id: Uuid,
    /// Name of the topic; null if it is asked for by id (v12).
    #[field(nullable = 10..)]
    pub name: Option<StrBytes>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 3, versions = 0..=13, flexible = 9..)]
pub struct MetadataResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    #[field(since = 3, ignorable)]
    pub throttle_time_ms: i32,
    /// The brokers.
    pub brokers: Vec<MetadataResponseBroker>,
    /// Id of the cluster.
    #[field(since = 2, default = null, ignorable)]
    pub cluster_id: Option<StrBytes>,
    /// Node id of a broker that takes requests for the controller (never a controller itself,
    /// KIP-590).
    #[field(since = 1, default = -1, ignorable)]
    pub controller_id: i32,
    /// The topics.
    pub topics: Vec<MetadataResponseTopic>,
    /// Bits of the operations the asker may do with the cluster; i32::MIN if not asked for.
    #[field(since = 8, until = 10, default = i32::MIN)]
    pub cluster_authorized_operations: i32,
    /// Error, 0 for none.
    #[field(since = 13, ignorable, counted = false)]
    pub error_code: i16,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`MetadataResponse::brokers`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct MetadataResponseBroker {
    /// Node id.
    pub node_id: i32,
    /// Host name or address.
    pub host: StrBytes,
    /// Port.
    pub port: i32,
    /// Rack, or null.
    #[field(since = 1, default = null, ignorable)]
    pub rack: Option<StrBytes>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`MetadataResponse::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct MetadataResponseTopic {
    /// Error, 0 for none.
    pub error_code: i16,
    /// Name of the topic.
    #[field(nullable = 12..)]
    pub name: Option<StrBytes>,
    /// Id of the topic.
    #[field(since = 10, ignorable)]
    pub topic_id: Uuid,
    /// Whether it is one of Kafka's own topics.
    #[field(since = 1, ignorable)]
    pub is_internal: bool,
    /// The partitions.
    pub partitions: Vec<MetadataResponsePartition>,
    /// Bits of the operations the asker may do with the topic; i32::MIN if not asked for.
    #[field(since = 8, default = i32::MIN)]
    pub topic_authorized_operations: i32,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`MetadataResponseTopic::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct MetadataResponsePartition {
    /// Error, 0 for none.
    pub error_code: i16,
    /// Number of the partition within the topic.
    pub partition_index: i32,
    /// Node id of the leader, -1 for none.
    pub leader_id: i32,
    /// Epoch of the leader.
    #[field(since = 7, default = -1, ignorable)]
    pub leader_epoch: i32,
    /// Node ids of all replicas, preferred leader first.
    pub replica_nodes: Vec<i32>,
    /// Node ids of the in-sync replicas.
    pub isr_nodes: Vec<i32>,
    /// Node ids of replicas that are offline.
    #[field(since = 5, ignorable)]
    pub offline_replicas: Vec<i32>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
