//! JoinGroup (key 11): enters a group of the classic protocol, and waits for the rebalance.
//!
//! * v1 rebalance timeout
//! * v4 the member joins again with the id it was given (KIP-394)
//! * v5 static members (KIP-345)
//! * v6 flexible
//! * v7 protocol type (KIP-559)
//! * v8 reason (KIP-800)
//! * v9 the leader may keep its assignment (KIP-814)

use bytes::Bytes;

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 11, versions = 0..=9, flexible = 6.., listeners = [Broker])]
pub struct JoinGroupRequest {
    /// Id of the group.
    pub group_id: StrBytes,
    /// How long the member may stay silent before it is thrown out, in ms.
    pub session_timeout_ms: i32,
    /// How long the coordinator waits for members to join a rebalance, in ms; without it the session
    /// timeout counts.
    #[field(since = 1, default = -1, ignorable)]
    pub rebalance_timeout_ms: i32,
    /// Id of the member; empty for a new one, which from v4 on is told to join again with an id.
    pub member_id: StrBytes,
    /// Id of a static member (`group.instance.id`); null for a dynamic one.
    #[field(since = 5, default = null)]
    pub group_instance_id: Option<StrBytes>,
    /// Kind of protocol, `consumer` for consumers.
    pub protocol_type: StrBytes,
    /// Protocols the member supports, best first.
    pub protocols: Vec<JoinGroupRequestProtocol>,
    /// Why, in words for the log (KIP-800).
    #[field(since = 8, default = null, ignorable)]
    pub reason: Option<StrBytes>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`JoinGroupRequest::protocols`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct JoinGroupRequestProtocol {
    /// Name of the protocol.
    pub name: StrBytes,
    /// Metadata in the form of whoever reads it.
    pub metadata: Bytes,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 11, versions = 0..=9, flexible = 6..)]
pub struct JoinGroupResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    #[field(since = 2, ignorable)]
    pub throttle_time_ms: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Generation of the group, -1 for none.
    #[field(default = -1)]
    pub generation_id: i32,
    /// Kind of protocol, `consumer` for consumers.
    #[field(since = 7, default = null, ignorable)]
    pub protocol_type: Option<StrBytes>,
    /// Protocol that was chosen; null if there is none (v7).
    #[field(nullable = 7..)]
    pub protocol_name: Option<StrBytes>,
    /// Member id of the leader, who makes the assignment.
    pub leader: StrBytes,
    /// Whether the leader must keep the assignment it has.
    #[field(since = 9)]
    pub skip_assignment: bool,
    /// Id of the member.
    pub member_id: StrBytes,
    /// The members.
    pub members: Vec<JoinGroupResponseMember>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`JoinGroupResponse::members`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct JoinGroupResponseMember {
    /// Id of the member.
    pub member_id: StrBytes,
    /// Id of a static member (`group.instance.id`); null for a dynamic one.
    #[field(since = 5, default = null, ignorable)]
    pub group_instance_id: Option<StrBytes>,
    /// Metadata in the form of whoever reads it.
    pub metadata: Bytes,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
