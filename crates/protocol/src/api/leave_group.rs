//! LeaveGroup (key 13): takes members out of a classic group.
//!
//! * v3 several members at once (KIP-345)
//! * v4 flexible
//! * v5 reason (KIP-800)

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 13, versions = 0..=5, flexible = 4.., listeners = [Broker])]
pub struct LeaveGroupRequest {
    /// Id of the group.
    pub group_id: StrBytes,
    /// Id of the member.
    #[field(until = 2)]
    pub member_id: StrBytes,
    /// The members.
    #[field(since = 3)]
    pub members: Vec<MemberIdentity>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`LeaveGroupRequest::members`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct MemberIdentity {
    /// Id of the member.
    pub member_id: StrBytes,
    /// Id of a static member (`group.instance.id`); null for a dynamic one.
    #[field(default = null)]
    pub group_instance_id: Option<StrBytes>,
    /// Why, in words for the log (KIP-800).
    #[field(since = 5, default = null, ignorable)]
    pub reason: Option<StrBytes>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 13, versions = 0..=5, flexible = 4..)]
pub struct LeaveGroupResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    #[field(since = 1, ignorable)]
    pub throttle_time_ms: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// The members.
    #[field(since = 3)]
    pub members: Vec<MemberResponse>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`LeaveGroupResponse::members`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct MemberResponse {
    /// Id of the member.
    pub member_id: StrBytes,
    /// Id of a static member (`group.instance.id`); null for a dynamic one.
    pub group_instance_id: Option<StrBytes>,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
