//! DescribeGroups (key 15).

use bytes::Bytes;

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 15, versions = 0..=6, flexible = 5.., listeners = [Broker])]
pub struct DescribeGroupsRequest {
    pub groups: Vec<StrBytes>,
    #[field(since = 3)]
    pub include_authorized_operations: bool,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 15, versions = 0..=6, flexible = 5..)]
pub struct DescribeGroupsResponse {
    #[field(since = 1, ignorable)]
    pub throttle_time_ms: i32,
    pub groups: Vec<DescribedGroup>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribedGroup {
    pub error_code: i16,
    #[field(since = 6, default = null)]
    pub error_message: Option<StrBytes>,
    pub group_id: StrBytes,
    pub group_state: StrBytes,
    pub protocol_type: StrBytes,
    pub protocol_data: StrBytes,
    pub members: Vec<DescribedGroupMember>,
    #[field(since = 3, default = i32::MIN)]
    pub authorized_operations: i32,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribedGroupMember {
    pub member_id: StrBytes,
    #[field(since = 4, default = null, ignorable)]
    pub group_instance_id: Option<StrBytes>,
    pub client_id: StrBytes,
    pub client_host: StrBytes,
    pub member_metadata: Bytes,
    pub member_assignment: Bytes,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
