//! CreateAcls (key 30).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 30, versions = 1..=3, flexible = 2.., listeners = [Broker, Controller])]
pub struct CreateAclsRequest {
    pub creations: Vec<AclCreation>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct AclCreation {
    pub resource_type: i8,
    pub resource_name: StrBytes,
    #[field(default = 3)]
    pub resource_pattern_type: i8,
    pub principal: StrBytes,
    pub host: StrBytes,
    pub operation: i8,
    pub permission_type: i8,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 30, versions = 1..=3, flexible = 2..)]
pub struct CreateAclsResponse {
    pub throttle_time_ms: i32,
    pub results: Vec<AclCreationResult>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct AclCreationResult {
    pub error_code: i16,
    pub error_message: Option<StrBytes>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
