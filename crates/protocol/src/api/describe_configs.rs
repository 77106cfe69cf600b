//! DescribeConfigs (key 32).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 32, versions = 1..=4, flexible = 4.., listeners = [Broker, Controller])]
pub struct DescribeConfigsRequest {
    pub resources: Vec<DescribeConfigsResource>,
    pub include_synonyms: bool,
    #[field(since = 3)]
    pub include_documentation: bool,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribeConfigsResource {
    pub resource_type: i8,
    pub resource_name: StrBytes,
    pub configuration_keys: Option<Vec<StrBytes>>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 32, versions = 1..=4, flexible = 4..)]
pub struct DescribeConfigsResponse {
    pub throttle_time_ms: i32,
    pub results: Vec<DescribeConfigsResult>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribeConfigsResult {
    pub error_code: i16,
    pub error_message: Option<StrBytes>,
    pub resource_type: i8,
    pub resource_name: StrBytes,
    pub configs: Vec<DescribeConfigsResourceResult>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribeConfigsResourceResult {
    pub name: StrBytes,
    pub value: Option<StrBytes>,
    pub read_only: bool,
    #[field(default = -1, ignorable)]
    pub config_source: i8,
    pub is_sensitive: bool,
    #[field(ignorable)]
    pub synonyms: Vec<DescribeConfigsSynonym>,
    #[field(since = 3, ignorable)]
    pub config_type: i8,
    #[field(since = 3, ignorable)]
    pub documentation: Option<StrBytes>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribeConfigsSynonym {
    pub name: StrBytes,
    pub value: Option<StrBytes>,
    pub source: i8,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
