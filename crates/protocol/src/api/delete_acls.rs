//! DeleteAcls (key 31): removes the ACL bindings that match filters (KIP-140).
//!
//! * v1 pattern type (KIP-290)
//! * v2 flexible
//! * v3 user resources (KIP-373)

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 31, versions = 1..=3, flexible = 2.., listeners = [Broker, Controller])]
pub struct DeleteAclsRequest {
    /// What to delete; a binding that matches any goes.
    pub filters: Vec<DeleteAclsFilter>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`DeleteAclsRequest::filters`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct DeleteAclsFilter {
    /// Type of the resource to match: 1 any, 2 topic, 3 group, 4 cluster, 5 transactional id, 6
    /// delegation token, 7 user.
    pub resource_type_filter: i8,
    /// Name of the resource to match; null for any.
    pub resource_name_filter: Option<StrBytes>,
    /// Kind of resource name to match: 1 any, 2 all that apply to the name, 3 literal, 4 prefixed.
    #[field(default = 3)]
    pub pattern_type_filter: i8,
    /// Principal to match; null for any.
    pub principal_filter: Option<StrBytes>,
    /// Host to match; null for any.
    pub host_filter: Option<StrBytes>,
    /// ACL operation to match, 1 for any.
    pub operation: i8,
    /// 2 deny, 3 allow; 1 matches any in filters.
    pub permission_type: i8,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 31, versions = 1..=3, flexible = 2..)]
pub struct DeleteAclsResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// Outcome per filter, in order.
    pub filter_results: Vec<DeleteAclsFilterResult>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`DeleteAclsResponse::filter_results`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct DeleteAclsFilterResult {
    /// Error, 0 for none.
    pub error_code: i16,
    /// Text for the error; null if there is none.
    pub error_message: Option<StrBytes>,
    /// Bindings that matched.
    #[field(counted = false)]
    pub matching_acls: Vec<DeleteAclsMatchingAcl>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`DeleteAclsFilterResult::matching_acls`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct DeleteAclsMatchingAcl {
    /// Error, 0 for none.
    pub error_code: i16,
    /// Text for the error; null if there is none.
    pub error_message: Option<StrBytes>,
    /// 2 topic, 3 group, 4 cluster, 5 transactional id, 6 delegation token, 7 user.
    pub resource_type: i8,
    /// Name of the resource.
    pub resource_name: StrBytes,
    /// Kind of resource name: 3 literal, 4 prefixed.
    #[field(default = 3)]
    pub pattern_type: i8,
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
