//! UpdateFeatures (key 57).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 57, versions = 0..=2, flexible = 0.., listeners = [Broker, Controller])]
pub struct UpdateFeaturesRequest {
    #[field(default = 60000)]
    pub timeout_ms: i32,
    pub feature_updates: Vec<FeatureUpdateKey>,
    #[field(since = 1)]
    pub validate_only: bool,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct FeatureUpdateKey {
    pub feature: StrBytes,
    pub max_version_level: i16,
    #[field(until = 0)]
    pub allow_downgrade: bool,
    #[field(since = 1, default = 1)]
    pub upgrade_type: i8,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 57, versions = 0..=2, flexible = 0..)]
pub struct UpdateFeaturesResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub error_message: Option<StrBytes>,
    #[field(until = 1, ignorable)]
    pub results: Vec<UpdatableFeatureResult>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct UpdatableFeatureResult {
    pub feature: StrBytes,
    pub error_code: i16,
    pub error_message: Option<StrBytes>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
