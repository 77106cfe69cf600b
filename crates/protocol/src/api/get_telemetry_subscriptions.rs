//! GetTelemetrySubscriptions (key 71).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 71, versions = 0, flexible = 0.., listeners = [Broker])]
pub struct GetTelemetrySubscriptionsRequest {
    pub client_instance_id: Uuid,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 71, versions = 0, flexible = 0..)]
pub struct GetTelemetrySubscriptionsResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub client_instance_id: Uuid,
    pub subscription_id: i32,
    pub accepted_compression_types: Vec<i8>,
    pub push_interval_ms: i32,
    pub telemetry_max_bytes: i32,
    pub delta_temporality: bool,
    pub requested_metrics: Vec<StrBytes>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
