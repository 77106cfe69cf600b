//! DescribeCluster (key 60).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 60, versions = 0..=2, flexible = 0.., listeners = [Broker, Controller])]
pub struct DescribeClusterRequest {
    pub include_cluster_authorized_operations: bool,
    #[field(since = 1, default = 1)]
    pub endpoint_type: i8,
    #[field(since = 2)]
    pub include_fenced_brokers: bool,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 60, versions = 0..=2, flexible = 0..)]
pub struct DescribeClusterResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    #[field(default = null)]
    pub error_message: Option<StrBytes>,
    #[field(since = 1, default = 1)]
    pub endpoint_type: i8,
    pub cluster_id: StrBytes,
    #[field(default = -1)]
    pub controller_id: i32,
    pub brokers: Vec<DescribeClusterBroker>,
    #[field(default = i32::MIN)]
    pub cluster_authorized_operations: i32,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribeClusterBroker {
    pub broker_id: i32,
    pub host: StrBytes,
    pub port: i32,
    #[field(default = null)]
    pub rack: Option<StrBytes>,
    #[field(since = 2)]
    pub is_fenced: bool,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
