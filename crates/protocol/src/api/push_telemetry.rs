//! PushTelemetry (key 72).

use bytes::Bytes;

use crate::Message;
use crate::wire::{RawTaggedField, Uuid};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 72, versions = 0, flexible = 0.., listeners = [Broker])]
pub struct PushTelemetryRequest {
    pub client_instance_id: Uuid,
    pub subscription_id: i32,
    pub terminating: bool,
    pub compression_type: i8,
    pub metrics: Bytes,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 72, versions = 0, flexible = 0..)]
pub struct PushTelemetryResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
