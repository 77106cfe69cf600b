//! SyncGroup (key 14): hands the leader's assignment to the members of a classic group.
//!
//! * v3 static members (KIP-345)
//! * v4 flexible
//! * v5 protocol type and name (KIP-559)

use bytes::Bytes;

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 14, versions = 0..=5, flexible = 4.., listeners = [Broker])]
pub struct SyncGroupRequest {
    /// Id of the group.
    pub group_id: StrBytes,
    /// Generation of the group, -1 for none.
    pub generation_id: i32,
    /// Id of the member.
    pub member_id: StrBytes,
    /// Id of a static member (`group.instance.id`); null for a dynamic one.
    #[field(since = 3, default = null)]
    pub group_instance_id: Option<StrBytes>,
    /// Kind of protocol, `consumer` for consumers.
    #[field(since = 5, default = null, ignorable)]
    pub protocol_type: Option<StrBytes>,
    /// Protocol (assignor) that was chosen.
    #[field(since = 5, default = null, ignorable)]
    pub protocol_name: Option<StrBytes>,
    /// Replicas of each partition, chosen by hand; empty to let the controller choose.
    pub assignments: Vec<SyncGroupRequestAssignment>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`SyncGroupRequest::assignments`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct SyncGroupRequestAssignment {
    /// Id of the member.
    pub member_id: StrBytes,
    /// What the member is assigned.
    pub assignment: Bytes,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 14, versions = 0..=5, flexible = 4..)]
pub struct SyncGroupResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    #[field(since = 1, ignorable)]
    pub throttle_time_ms: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Kind of protocol, `consumer` for consumers.
    #[field(since = 5, default = null, ignorable)]
    pub protocol_type: Option<StrBytes>,
    /// Protocol (assignor) that was chosen.
    #[field(since = 5, default = null, ignorable)]
    pub protocol_name: Option<StrBytes>,
    /// What the member is assigned.
    pub assignment: Bytes,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
