//! PushTelemetry (key 72): pushes metrics of a client (KIP-714).

use bytes::Bytes;

use crate::Message;
use crate::wire::{RawTaggedField, Uuid};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 72, versions = 0, flexible = 0.., listeners = [Broker])]
pub struct PushTelemetryRequest {
    /// Id of the client instance; zero asks for one.
    pub client_instance_id: Uuid,
    /// Id of the set of wanted metrics, which changes with it.
    pub subscription_id: i32,
    /// Whether this is the last push of the client.
    pub terminating: bool,
    /// Codec of the data, by the numbers of record batches.
    pub compression_type: i8,
    /// Metrics as OTLP protobuf (MetricsData v1), compressed.
    pub metrics: Bytes,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 72, versions = 0, flexible = 0..)]
pub struct PushTelemetryResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
