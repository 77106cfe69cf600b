//! ApiVersions (key 18).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 18, versions = 0..=4, flexible = 3.., listeners = [Broker, Controller])]
pub struct ApiVersionsRequest {
    #[field(since = 3, ignorable)]
    pub client_software_name: StrBytes,
    #[field(since = 3, ignorable)]
    pub client_software_version: StrBytes,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 18, versions = 0..=4, flexible = 3..)]
pub struct ApiVersionsResponse {
    pub error_code: i16,
    pub api_keys: Vec<ApiVersion>,
    #[field(since = 1, ignorable)]
    pub throttle_time_ms: i32,
    #[field(tag = 0, since = 3, ignorable)]
    pub supported_features: Vec<SupportedFeatureKey>,
    #[field(tag = 1, since = 3, default = -1, ignorable)]
    pub finalized_features_epoch: i64,
    #[field(tag = 2, since = 3, ignorable)]
    pub finalized_features: Vec<FinalizedFeatureKey>,
    #[field(tag = 3, since = 3, ignorable)]
    pub zk_migration_ready: bool,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct ApiVersion {
    pub api_key: i16,
    pub min_version: i16,
    pub max_version: i16,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct SupportedFeatureKey {
    pub name: StrBytes,
    pub min_version: i16,
    pub max_version: i16,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct FinalizedFeatureKey {
    pub name: StrBytes,
    pub max_version_level: i16,
    pub min_version_level: i16,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
