//! GetTelemetrySubscriptions (key 71): asks which metrics a client shall push (KIP-714).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 71, versions = 0, flexible = 0.., listeners = [Broker])]
pub struct GetTelemetrySubscriptionsRequest {
    /// Id of the client instance; zero asks for one.
    pub client_instance_id: Uuid,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 71, versions = 0, flexible = 0..)]
pub struct GetTelemetrySubscriptionsResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Id of the client instance; zero asks for one.
    pub client_instance_id: Uuid,
    /// Id of the set of wanted metrics, which changes with it.
    pub subscription_id: i32,
    /// Codecs the broker takes for telemetry, best first, by the numbers of record batches.
    pub accepted_compression_types: Vec<i8>,
    /// How often to push, in ms.
    pub push_interval_ms: i32,
    /// Limit of one push in bytes.
    pub telemetry_max_bytes: i32,
    /// Whether counters are to be sent as deltas rather than totals.
    pub delta_temporality: bool,
    /// Prefixes of the names of wanted metrics; one empty prefix for all, none for nothing.
    pub requested_metrics: Vec<StrBytes>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
