//! ListConfigResources (key 74): lists resources that have configs.
//!
//! * v0 only client metrics (KIP-1000)
//! * v1 by type (KIP-1142)

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 74, versions = 0..=1, flexible = 0.., listeners = [Broker])]
pub struct ListConfigResourcesRequest {
    /// Types of resources to list; empty for all.
    #[field(since = 1)]
    pub resource_types: Vec<i8>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 74, versions = 0..=1, flexible = 0..)]
pub struct ListConfigResourcesResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// The resources that have configs.
    pub config_resources: Vec<ConfigResource>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ListConfigResourcesResponse::config_resources`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct ConfigResource {
    /// Name of the resource.
    pub resource_name: StrBytes,
    /// 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
    #[field(since = 1, default = 16, ignorable)]
    pub resource_type: i8,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
