//! Heartbeat (key 12).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 12, versions = 0..=4, flexible = 4.., listeners = [Broker])]
pub struct HeartbeatRequest {
    pub group_id: StrBytes,
    pub generation_id: i32,
    pub member_id: StrBytes,
    #[field(since = 3, default = null)]
    pub group_instance_id: Option<StrBytes>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 12, versions = 0..=4, flexible = 4..)]
pub struct HeartbeatResponse {
    #[field(since = 1, ignorable)]
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
