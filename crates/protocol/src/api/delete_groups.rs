//! DeleteGroups (key 42).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 42, versions = 0..=2, flexible = 2.., listeners = [Broker])]
pub struct DeleteGroupsRequest {
    pub groups_names: Vec<StrBytes>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 42, versions = 0..=2, flexible = 2..)]
pub struct DeleteGroupsResponse {
    pub throttle_time_ms: i32,
    pub results: Vec<DeletableGroupResult>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct DeletableGroupResult {
    pub group_id: StrBytes,
    pub error_code: i16,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
