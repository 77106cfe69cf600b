//! RegisterControllerRecord (type 27).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 27, versions = 0, flexible = 0..)]
pub struct RegisterControllerRecord {
    pub controller_id: i32,
    pub incarnation_id: Uuid,
    pub zk_migration_ready: bool,
    pub end_points: Vec<ControllerEndpoint>,
    pub features: Vec<ControllerFeature>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct ControllerEndpoint {
    pub name: StrBytes,
    pub host: StrBytes,
    pub port: u16,
    pub security_protocol: i16,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct ControllerFeature {
    pub name: StrBytes,
    pub min_supported_version: i16,
    pub max_supported_version: i16,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
