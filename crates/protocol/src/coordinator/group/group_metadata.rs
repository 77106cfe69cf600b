//! GroupMetadata (type 2).

use bytes::Bytes;

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 2, versions = 0, flexible = none)]
pub struct GroupMetadataKey {
    pub group: StrBytes,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 2, versions = 0..=4, flexible = 4..)]
pub struct GroupMetadataValue {
    pub protocol_type: StrBytes,
    pub generation: i32,
    pub protocol: Option<StrBytes>,
    pub leader: Option<StrBytes>,
    #[field(since = 2, default = -1, ignorable)]
    pub current_state_timestamp: i64,
    pub members: Vec<MemberMetadata>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct MemberMetadata {
    pub member_id: StrBytes,
    #[field(since = 3, default = null, ignorable)]
    pub group_instance_id: Option<StrBytes>,
    pub client_id: StrBytes,
    pub client_host: StrBytes,
    #[field(since = 1, default = -1, ignorable)]
    pub rebalance_timeout: i32,
    pub session_timeout: i32,
    pub subscription: Bytes,
    pub assignment: Bytes,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
