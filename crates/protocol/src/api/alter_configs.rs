//! AlterConfigs (key 33).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 33, versions = 0..=2, flexible = 2.., listeners = [Broker, Controller])]
pub struct AlterConfigsRequest {
    pub resources: Vec<AlterConfigsResource>,
    pub validate_only: bool,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct AlterConfigsResource {
    pub resource_type: i8,
    pub resource_name: StrBytes,
    pub configs: Vec<AlterableConfig>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct AlterableConfig {
    pub name: StrBytes,
    pub value: Option<StrBytes>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 33, versions = 0..=2, flexible = 2..)]
pub struct AlterConfigsResponse {
    pub throttle_time_ms: i32,
    pub responses: Vec<AlterConfigsResourceResponse>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct AlterConfigsResourceResponse {
    pub error_code: i16,
    pub error_message: Option<StrBytes>,
    pub resource_type: i8,
    pub resource_name: StrBytes,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
