//! DescribeConfigs (key 32): reads configs (KIP-133).
//!
//! * v1 synonyms (KIP-226)
//! * v3 type and documentation (KIP-569)
//! * v4 flexible

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 32, versions = 1..=4, flexible = 4.., listeners = [Broker, Controller])]
pub struct DescribeConfigsRequest {
    /// The resources.
    pub resources: Vec<DescribeConfigsResource>,
    /// Whether to send the chain of values that each config was taken from.
    pub include_synonyms: bool,
    /// Whether to send what each config is about.
    #[field(since = 3)]
    pub include_documentation: bool,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`DescribeConfigsRequest::resources`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribeConfigsResource {
    /// 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
    pub resource_type: i8,
    /// Name of the resource.
    pub resource_name: StrBytes,
    /// Names of the wanted configs; null for all.
    pub configuration_keys: Option<Vec<StrBytes>>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 32, versions = 1..=4, flexible = 4..)]
pub struct DescribeConfigsResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// Outcome, one per item of the request.
    pub results: Vec<DescribeConfigsResult>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`DescribeConfigsResponse::results`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribeConfigsResult {
    /// Error, 0 for none.
    pub error_code: i16,
    /// Text for the error; null if there is none.
    pub error_message: Option<StrBytes>,
    /// 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
    pub resource_type: i8,
    /// Name of the resource.
    pub resource_name: StrBytes,
    /// Config entries.
    pub configs: Vec<DescribeConfigsResourceResult>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`DescribeConfigsResult::configs`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribeConfigsResourceResult {
    /// Name of the config.
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
    /// The chain of values the config was taken from, the one in force first.
    #[field(ignorable)]
    pub synonyms: Vec<DescribeConfigsSynonym>,
    /// Type of the value: 1 boolean, 2 string, 3 int, 4 short, 5 long, 6 double, 7 list, 8 class, 9
    /// password; 0 unknown.
    #[field(since = 3, ignorable)]
    pub config_type: i8,
    /// What the config is about.
    #[field(since = 3, ignorable)]
    pub documentation: Option<StrBytes>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`DescribeConfigsResourceResult::synonyms`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribeConfigsSynonym {
    /// Name of the config.
    pub name: StrBytes,
    /// Value; null if it has none or is not shown.
    pub value: Option<StrBytes>,
    /// Where this value comes from, by the numbers of `ConfigSource`.
    pub source: i8,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
