//! DescribeCluster (key 60): describes the nodes of the cluster (KIP-700).
//!
//! * v1 endpoint type (KIP-919)
//! * v2 fenced brokers (KIP-1073)

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 60, versions = 0..=2, flexible = 0.., listeners = [Broker, Controller])]
pub struct DescribeClusterRequest {
    /// Whether to say what the asker may do with the cluster.
    pub include_cluster_authorized_operations: bool,
    /// 1 brokers, 2 controllers (KIP-919).
    #[field(since = 1, default = 1)]
    pub endpoint_type: i8,
    /// Whether to list fenced brokers too.
    #[field(since = 2)]
    pub include_fenced_brokers: bool,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 60, versions = 0..=2, flexible = 0..)]
pub struct DescribeClusterResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Text for the error; null if there is none.
    #[field(default = null)]
    pub error_message: Option<StrBytes>,
    /// 1 brokers, 2 controllers.
    #[field(since = 1, default = 1)]
    pub endpoint_type: i8,
    /// Id of the cluster.
    pub cluster_id: StrBytes,
    /// Node id of the controller, -1 if unknown.
    #[field(default = -1)]
    pub controller_id: i32,
    /// The brokers.
    pub brokers: Vec<DescribeClusterBroker>,
    /// Bits of the operations the asker may do with the cluster; i32::MIN if not asked for.
    #[field(default = i32::MIN)]
    pub cluster_authorized_operations: i32,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`DescribeClusterResponse::brokers`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribeClusterBroker {
    /// Node id of the broker.
    pub broker_id: i32,
    /// Host name or address.
    pub host: StrBytes,
    /// Port.
    pub port: i32,
    /// Rack, or null.
    #[field(default = null)]
    pub rack: Option<StrBytes>,
    /// Whether the broker is fenced.
    #[field(since = 2)]
    pub is_fenced: bool,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
