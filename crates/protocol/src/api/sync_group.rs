//! SyncGroup (key 14).

use bytes::Bytes;

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 14, versions = 0..=5, flexible = 4.., listeners = [Broker])]
pub struct SyncGroupRequest {
    pub group_id: StrBytes,
    pub generation_id: i32,
    pub member_id: StrBytes,
    #[field(since = 3, default = null)]
    pub group_instance_id: Option<StrBytes>,
    #[field(since = 5, default = null, ignorable)]
    pub protocol_type: Option<StrBytes>,
    #[field(since = 5, default = null, ignorable)]
    pub protocol_name: Option<StrBytes>,
    pub assignments: Vec<SyncGroupRequestAssignment>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct SyncGroupRequestAssignment {
    pub member_id: StrBytes,
    pub assignment: Bytes,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 14, versions = 0..=5, flexible = 4..)]
pub struct SyncGroupResponse {
    #[field(since = 1, ignorable)]
    pub throttle_time_ms: i32,
    pub error_code: i16,
    #[field(since = 5, default = null, ignorable)]
    pub protocol_type: Option<StrBytes>,
    #[field(since = 5, default = null, ignorable)]
    pub protocol_name: Option<StrBytes>,
    pub assignment: Bytes,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
