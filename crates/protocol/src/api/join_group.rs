//! JoinGroup (key 11).

use bytes::Bytes;

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 11, versions = 0..=9, flexible = 6.., listeners = [Broker])]
pub struct JoinGroupRequest {
    pub group_id: StrBytes,
    pub session_timeout_ms: i32,
    #[field(since = 1, default = -1, ignorable)]
    pub rebalance_timeout_ms: i32,
    pub member_id: StrBytes,
    #[field(since = 5, default = null)]
    pub group_instance_id: Option<StrBytes>,
    pub protocol_type: StrBytes,
    pub protocols: Vec<JoinGroupRequestProtocol>,
    #[field(since = 8, default = null, ignorable)]
    pub reason: Option<StrBytes>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct JoinGroupRequestProtocol {
    pub name: StrBytes,
    pub metadata: Bytes,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 11, versions = 0..=9, flexible = 6..)]
pub struct JoinGroupResponse {
    #[field(since = 2, ignorable)]
    pub throttle_time_ms: i32,
    pub error_code: i16,
    #[field(default = -1)]
    pub generation_id: i32,
    #[field(since = 7, default = null, ignorable)]
    pub protocol_type: Option<StrBytes>,
    #[field(nullable = 7..)]
    pub protocol_name: Option<StrBytes>,
    pub leader: StrBytes,
    #[field(since = 9)]
    pub skip_assignment: bool,
    pub member_id: StrBytes,
    pub members: Vec<JoinGroupResponseMember>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct JoinGroupResponseMember {
    pub member_id: StrBytes,
    #[field(since = 5, default = null, ignorable)]
    pub group_instance_id: Option<StrBytes>,
    pub metadata: Bytes,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
