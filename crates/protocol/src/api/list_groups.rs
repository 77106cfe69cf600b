//! ListGroups (key 16): lists the groups a broker coordinates.
//!
//! * v3 flexible
//! * v4 by state (KIP-518)
//! * v5 by type (KIP-848)

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 16, versions = 0..=5, flexible = 3.., listeners = [Broker])]
pub struct ListGroupsRequest {
    /// Only groups in these states; empty for all.
    #[field(since = 4)]
    pub states_filter: Vec<StrBytes>,
    /// Only groups of these types; empty for all.
    #[field(since = 5)]
    pub types_filter: Vec<StrBytes>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 16, versions = 0..=5, flexible = 3..)]
pub struct ListGroupsResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    #[field(since = 1, ignorable)]
    pub throttle_time_ms: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// The groups.
    pub groups: Vec<ListedGroup>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ListGroupsResponse::groups`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct ListedGroup {
    /// Id of the group.
    pub group_id: StrBytes,
    /// Kind of protocol, `consumer` for consumers.
    pub protocol_type: StrBytes,
    /// State of the group, such as `Stable`.
    #[field(since = 4, ignorable)]
    pub group_state: StrBytes,
    /// Type of the group: `classic`, `consumer`, `share` or `streams`.
    #[field(since = 5, ignorable)]
    pub group_type: StrBytes,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
