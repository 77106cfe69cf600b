//! FindCoordinator (key 10).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 10, versions = 0..=6, flexible = 3.., listeners = [Broker])]
pub struct FindCoordinatorRequest {
    #[field(until = 3)]
    pub key: StrBytes,
    #[field(since = 1)]
    pub key_type: i8,
    #[field(since = 4)]
    pub coordinator_keys: Vec<StrBytes>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 10, versions = 0..=6, flexible = 3..)]
pub struct FindCoordinatorResponse {
    #[field(since = 1, ignorable)]
    pub throttle_time_ms: i32,
    #[field(until = 3)]
    pub error_code: i16,
    #[field(since = 1, until = 3, ignorable)]
    pub error_message: Option<StrBytes>,
    #[field(until = 3)]
    pub node_id: i32,
    #[field(until = 3)]
    pub host: StrBytes,
    #[field(until = 3)]
    pub port: i32,
    #[field(since = 4)]
    pub coordinators: Vec<Coordinator>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct Coordinator {
    pub key: StrBytes,
    pub node_id: i32,
    pub host: StrBytes,
    pub port: i32,
    pub error_code: i16,
    #[field(ignorable)]
    pub error_message: Option<StrBytes>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
