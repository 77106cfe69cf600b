//! DeleteAcls (key 31).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 31, versions = 1..=3, flexible = 2.., listeners = [Broker, Controller])]
pub struct DeleteAclsRequest {
    pub filters: Vec<DeleteAclsFilter>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct DeleteAclsFilter {
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
#[api(key = 31, versions = 1..=3, flexible = 2..)]
pub struct DeleteAclsResponse {
    pub throttle_time_ms: i32,
    pub filter_results: Vec<DeleteAclsFilterResult>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct DeleteAclsFilterResult {
    pub error_code: i16,
    pub error_message: Option<StrBytes>,
    pub matching_acls: Vec<DeleteAclsMatchingAcl>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct DeleteAclsMatchingAcl {
    pub error_code: i16,
    pub error_message: Option<StrBytes>,
    pub resource_type: i8,
    pub resource_name: StrBytes,
    #[field(default = 3)]
    pub pattern_type: i8,
    pub principal: StrBytes,
    pub host: StrBytes,
    pub operation: i8,
    pub permission_type: i8,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
