//! ApiVersions (key 18): says which APIs and versions are served.
//!
//! * v1 throttle time
//! * v3 flexible, name and version of the client (KIP-511), features (KIP-584)
//! * v4 features may start at 0 (KAFKA-17011)
//!
//! Non-obvious: an unknown version is answered in v0 with UNSUPPORTED_VERSION, and the response header is
//! never flexible.

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 18, versions = 0..=4, flexible = 3.., listeners = [Broker, Controller])]
pub struct ApiVersionsRequest {
    /// Name of the client library, such as `apache-kafka-java`.
    #[field(since = 3, ignorable)]
    pub client_software_name: StrBytes,
    /// Version of the client library.
    #[field(since = 3, ignorable)]
    pub client_software_version: StrBytes,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 18, versions = 0..=4, flexible = 3..)]
pub struct ApiVersionsResponse {
    /// Error, 0 for none.
    pub error_code: i16,
    /// The APIs that are served, with their versions.
    pub api_keys: Vec<ApiVersion>,
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    #[field(since = 1, ignorable)]
    pub throttle_time_ms: i32,
    /// Features this node supports, with their versions.
    #[field(tag = 0, since = 3, ignorable)]
    pub supported_features: Vec<SupportedFeatureKey>,
    /// Metadata offset the finalized features belong to, -1 if unknown.
    #[field(tag = 1, since = 3, default = -1, ignorable)]
    pub finalized_features_epoch: i64,
    /// Features that are on in the cluster, with their levels.
    #[field(tag = 2, since = 3, ignorable)]
    pub finalized_features: Vec<FinalizedFeatureKey>,
    /// Whether the controller was ready to migrate from ZooKeeper; always false today.
    #[field(tag = 3, since = 3, ignorable)]
    pub zk_migration_ready: bool,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ApiVersionsResponse::api_keys`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct ApiVersion {
    /// Number of the API.
    pub api_key: i16,
    /// Lowest version, inclusive.
    pub min_version: i16,
    /// Highest version, inclusive.
    pub max_version: i16,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ApiVersionsResponse::supported_features`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct SupportedFeatureKey {
    /// Name of the feature.
    pub name: StrBytes,
    /// Lowest version, inclusive.
    pub min_version: i16,
    /// Highest version, inclusive.
    pub max_version: i16,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ApiVersionsResponse::finalized_features`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct FinalizedFeatureKey {
    /// Name of the feature.
    pub name: StrBytes,
    /// Highest finalized level.
    pub max_version_level: i16,
    /// Lowest finalized level.
    pub min_version_level: i16,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
