//! LeaveGroup (key 13).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 13, versions = 0..=5, flexible = 4.., listeners = [Broker])]
pub struct LeaveGroupRequest {
    pub group_id: StrBytes,
    #[field(until = 2)]
    pub member_id: StrBytes,
    #[field(since = 3)]
    pub members: Vec<MemberIdentity>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct MemberIdentity {
    pub member_id: StrBytes,
    #[field(default = null)]
    pub group_instance_id: Option<StrBytes>,
    #[field(since = 5, default = null, ignorable)]
    pub reason: Option<StrBytes>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 13, versions = 0..=5, flexible = 4..)]
pub struct LeaveGroupResponse {
    #[field(since = 1, ignorable)]
    pub throttle_time_ms: i32,
    pub error_code: i16,
    #[field(since = 3)]
    pub members: Vec<MemberResponse>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct MemberResponse {
    pub member_id: StrBytes,
    pub group_instance_id: Option<StrBytes>,
    pub error_code: i16,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
