//! StreamsGroupMetadata (type 17).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 17, versions = 0, flexible = none)]
pub struct StreamsGroupMetadataKey {
    pub group_id: StrBytes,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 17, versions = 0, flexible = 0..)]
pub struct StreamsGroupMetadataValue {
    pub epoch: i32,
    pub metadata_hash: i64,
    #[field(tag = 0, default = -1)]
    pub validated_topology_epoch: i32,
    #[field(tag = 1)]
    pub last_assignment_configs: Option<Vec<LastAssignmentConfig>>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct LastAssignmentConfig {
    pub key: StrBytes,
    pub value: StrBytes,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
