//! DeleteGroups (key 42): deletes groups that are empty (KIP-229).
//!
//! * v2 flexible

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 42, versions = 0..=2, flexible = 2.., listeners = [Broker])]
pub struct DeleteGroupsRequest {
    /// Ids of the groups to delete.
    pub groups_names: Vec<StrBytes>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 42, versions = 0..=2, flexible = 2..)]
pub struct DeleteGroupsResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// Outcome, one per item of the request.
    pub results: Vec<DeletableGroupResult>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`DeleteGroupsResponse::results`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct DeletableGroupResult {
    /// Id of the group.
    pub group_id: StrBytes,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
