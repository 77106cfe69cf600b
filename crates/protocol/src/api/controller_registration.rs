//! ControllerRegistration (key 70).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 70, versions = 0, flexible = 0.., listeners = [Controller])]
pub struct ControllerRegistrationRequest {
    pub controller_id: i32,
    pub incarnation_id: Uuid,
    pub zk_migration_ready: bool,
    pub listeners: Vec<Listener>,
    pub features: Vec<Feature>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct Listener {
    pub name: StrBytes,
    pub host: StrBytes,
    pub port: u16,
    pub security_protocol: i16,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct Feature {
    pub name: StrBytes,
    pub min_supported_version: i16,
    pub max_supported_version: i16,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 70, versions = 0, flexible = 0..)]
pub struct ControllerRegistrationResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub error_message: Option<StrBytes>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
