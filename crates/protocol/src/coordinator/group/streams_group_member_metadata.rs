//! StreamsGroupMemberMetadata (type 19).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 19, versions = 0, flexible = none)]
pub struct StreamsGroupMemberMetadataKey {
    pub group_id: StrBytes,
    pub member_id: StrBytes,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 19, versions = 0, flexible = 0..)]
pub struct StreamsGroupMemberMetadataValue {
    pub instance_id: Option<StrBytes>,
    pub rack_id: Option<StrBytes>,
    pub client_id: StrBytes,
    pub client_host: StrBytes,
    #[field(default = -1)]
    pub rebalance_timeout_ms: i32,
    pub topology_epoch: i32,
    pub process_id: StrBytes,
    #[field(default = null)]
    pub user_endpoint: Option<Endpoint>,
    pub client_tags: Vec<KeyValue>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct Endpoint {
    pub host: StrBytes,
    pub port: u16,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct KeyValue {
    pub key: StrBytes,
    pub value: StrBytes,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
