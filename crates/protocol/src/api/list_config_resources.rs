//! ListConfigResources (key 74).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 74, versions = 0..=1, flexible = 0.., listeners = [Broker])]
pub struct ListConfigResourcesRequest {
    #[field(since = 1)]
    pub resource_types: Vec<i8>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 74, versions = 0..=1, flexible = 0..)]
pub struct ListConfigResourcesResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub config_resources: Vec<ConfigResource>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct ConfigResource {
    pub resource_name: StrBytes,
    #[field(since = 1, default = 16, ignorable)]
    pub resource_type: i8,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
