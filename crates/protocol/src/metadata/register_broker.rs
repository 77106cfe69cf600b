//! RegisterBrokerRecord (type 0).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 0, versions = 0..=4, flexible = 0..)]
pub struct RegisterBrokerRecord {
    pub broker_id: i32,
    #[field(since = 2)]
    pub is_migrating_zk_broker: bool,
    pub incarnation_id: Uuid,
    pub broker_epoch: i64,
    pub end_points: Vec<BrokerEndpoint>,
    pub features: Vec<BrokerFeature>,
    pub rack: Option<StrBytes>,
    #[field(default = true)]
    pub fenced: bool,
    #[field(since = 1)]
    pub in_controlled_shutdown: bool,
    #[field(tag = 0, since = 3)]
    pub log_dirs: Vec<Uuid>,
    #[field(tag = 1, since = 4, default = null)]
    pub cordoned_log_dirs: Option<Vec<Uuid>>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct BrokerEndpoint {
    pub name: StrBytes,
    pub host: StrBytes,
    pub port: u16,
    pub security_protocol: i16,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct BrokerFeature {
    pub name: StrBytes,
    pub min_supported_version: i16,
    pub max_supported_version: i16,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
