//! DescribeAcls (key 29).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 29, versions = 1..=3, flexible = 2.., listeners = [Broker, Controller])]
pub struct DescribeAclsRequest {
    pub resource_type_filter: i8,
    pub resource_name_filter: Option<StrBytes>,
    #[field(default = 3)]
    pub pattern_type_filter: i8,
    pub principal_filter: Option<StrBytes>,
    pub host_filter: Option<StrBytes>,
    pub operation: i8,
    pub permission_type: i8,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 29, versions = 1..=3, flexible = 2..)]
pub struct DescribeAclsResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub error_message: Option<StrBytes>,
    pub resources: Vec<DescribeAclsResource>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribeAclsResource {
    pub resource_type: i8,
    pub resource_name: StrBytes,
    #[field(default = 3)]
    pub pattern_type: i8,
    pub acls: Vec<AclDescription>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct AclDescription {
    pub principal: StrBytes,
    pub host: StrBytes,
    pub operation: i8,
    pub permission_type: i8,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
