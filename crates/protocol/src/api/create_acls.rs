//! CreateAcls (key 30): adds ACL bindings (KIP-140).
//!
//! * v1 pattern type (KIP-290)
//! * v2 flexible
//! * v3 user resources (KIP-373)

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 30, versions = 1..=3, flexible = 2.., listeners = [Broker, Controller])]
pub struct CreateAclsRequest {
    /// Bindings to add.
    pub creations: Vec<AclCreation>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`CreateAclsRequest::creations`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct AclCreation {
    /// 2 topic, 3 group, 4 cluster, 5 transactional id, 6 delegation token, 7 user.
    pub resource_type: i8,
    /// Name of the resource.
    pub resource_name: StrBytes,
    /// Kind of resource name: 3 literal, 4 prefixed.
    #[field(default = 3)]
    pub resource_pattern_type: i8,
    /// Principal as `type:name`.
    pub principal: StrBytes,
    /// Host name or address.
    pub host: StrBytes,
    /// ACL operation by number: 2 all, 3 read, 4 write, 5 create, 6 delete, 7 alter, 8 describe, and
    /// so on.
    pub operation: i8,
    /// 2 deny, 3 allow; 1 matches any in filters.
    pub permission_type: i8,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 30, versions = 1..=3, flexible = 2..)]
pub struct CreateAclsResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// Outcome, one per item of the request.
    pub results: Vec<AclCreationResult>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`CreateAclsResponse::results`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct AclCreationResult {
    /// Error, 0 for none.
    pub error_code: i16,
    /// Text for the error; null if there is none.
    pub error_message: Option<StrBytes>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
