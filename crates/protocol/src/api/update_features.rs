//! UpdateFeatures (key 57): changes finalized features (KIP-584).
//!
//! * v1 type of upgrade, validate only (KIP-778)
//! * v2 no results per feature any more

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 57, versions = 0..=2, flexible = 0.., listeners = [Broker, Controller])]
pub struct UpdateFeaturesRequest {
    /// How long the request may take, in ms.
    #[field(default = 60000)]
    pub timeout_ms: i32,
    /// Features to change.
    pub feature_updates: Vec<FeatureUpdateKey>,
    /// Whether to only check the request, changing nothing.
    #[field(since = 1)]
    pub validate_only: bool,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`UpdateFeaturesRequest::feature_updates`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct FeatureUpdateKey {
    /// Name of the feature, such as `metadata.version`.
    pub feature: StrBytes,
    /// Wanted level; below 1 switches the feature off.
    pub max_version_level: i16,
    /// Whether the level may go down; replaced by `upgrade_type` in v1.
    #[field(until = 0)]
    pub allow_downgrade: bool,
    /// 1 upgrade only, 2 downgrade if nothing is lost, 3 downgrade even if metadata is lost.
    #[field(since = 1, default = 1)]
    pub upgrade_type: i8,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 57, versions = 0..=2, flexible = 0..)]
pub struct UpdateFeaturesResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Text for the error; null if there is none.
    pub error_message: Option<StrBytes>,
    /// Outcome, one per item of the request.
    #[field(until = 1, ignorable)]
    pub results: Vec<UpdatableFeatureResult>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`UpdateFeaturesResponse::results`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct UpdatableFeatureResult {
    /// Name of the feature.
    pub feature: StrBytes,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Text for the error; null if there is none.
    pub error_message: Option<StrBytes>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
