//! BrokerRegistration (key 62).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 62, versions = 0..=4, flexible = 0.., listeners = [Controller])]
pub struct BrokerRegistrationRequest {
    pub broker_id: i32,
    pub cluster_id: StrBytes,
    pub incarnation_id: Uuid,
    pub listeners: Vec<Listener>,
    pub features: Vec<Feature>,
    pub rack: Option<StrBytes>,
    #[field(since = 1)]
    pub is_migrating_zk_broker: bool,
    #[field(since = 2, ignorable)]
    pub log_dirs: Vec<Uuid>,
    #[field(since = 3, default = -1, ignorable)]
    pub previous_broker_epoch: i64,
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
#[api(key = 62, versions = 0..=4, flexible = 0..)]
pub struct BrokerRegistrationResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    #[field(default = -1)]
    pub broker_epoch: i64,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
