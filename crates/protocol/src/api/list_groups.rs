//! ListGroups (key 16).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 16, versions = 0..=5, flexible = 3.., listeners = [Broker])]
pub struct ListGroupsRequest {
    #[field(since = 4)]
    pub states_filter: Vec<StrBytes>,
    #[field(since = 5)]
    pub types_filter: Vec<StrBytes>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 16, versions = 0..=5, flexible = 3..)]
pub struct ListGroupsResponse {
    #[field(since = 1, ignorable)]
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub groups: Vec<ListedGroup>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct ListedGroup {
    pub group_id: StrBytes,
    pub protocol_type: StrBytes,
    #[field(since = 4, ignorable)]
    pub group_state: StrBytes,
    #[field(since = 5, ignorable)]
    pub group_type: StrBytes,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
