//! Heartbeat (key 12): keeps a member of a classic group alive.
//!
//! * v3 static members (KIP-345)
//! * v4 flexible

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 12, versions = 0..=4, flexible = 4.., listeners = [Broker])]
pub struct HeartbeatRequest {
    /// Id of the group.
    pub group_id: StrBytes,
    /// Generation of the group, -1 for none.
    pub generation_id: i32,
    /// Id of the member.
    pub member_id: StrBytes,
    /// Id of a static member (`group.instance.id`); null for a dynamic one.
    #[field(since = 3, default = null)]
    pub group_instance_id: Option<StrBytes>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 12, versions = 0..=4, flexible = 4..)]
pub struct HeartbeatResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    #[field(since = 1, ignorable)]
    pub throttle_time_ms: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
