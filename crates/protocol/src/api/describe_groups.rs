//! DescribeGroups (key 15): describes classic groups.
//!
//! * v3 authorized operations (KIP-430)
//! * v4 static members (KIP-345)
//! * v5 flexible
//! * v6 GROUP_ID_NOT_FOUND and error message (KIP-1043)

use bytes::Bytes;

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 15, versions = 0..=6, flexible = 5.., listeners = [Broker])]
pub struct DescribeGroupsRequest {
    /// The groups.
    pub groups: Vec<StrBytes>,
    /// Whether to say what the asker may do.
    #[field(since = 3)]
    pub include_authorized_operations: bool,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 15, versions = 0..=6, flexible = 5..)]
pub struct DescribeGroupsResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    #[field(since = 1, ignorable)]
    pub throttle_time_ms: i32,
    /// The groups.
    pub groups: Vec<DescribedGroup>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`DescribeGroupsResponse::groups`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribedGroup {
    /// Error, 0 for none.
    pub error_code: i16,
    /// Text for the error; null if there is none.
    #[field(since = 6, default = null)]
    pub error_message: Option<StrBytes>,
    /// Id of the group.
    pub group_id: StrBytes,
    /// State of the group, such as `Stable`.
    pub group_state: StrBytes,
    /// Kind of protocol, `consumer` for consumers.
    pub protocol_type: StrBytes,
    /// Protocol that was chosen; empty outside of a stable group.
    pub protocol_data: StrBytes,
    /// The members.
    pub members: Vec<DescribedGroupMember>,
    /// Bits of the operations the asker may do, by the numbers of ACL operations; i32::MIN if not
    /// asked for.
    #[field(since = 3, default = i32::MIN)]
    pub authorized_operations: i32,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`DescribedGroup::members`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribedGroupMember {
    /// Id of the member.
    pub member_id: StrBytes,
    /// Id of a static member (`group.instance.id`); null for a dynamic one.
    #[field(since = 4, default = null, ignorable)]
    pub group_instance_id: Option<StrBytes>,
    /// Client id, as the client calls itself.
    pub client_id: StrBytes,
    /// Address the member connects from.
    pub client_host: StrBytes,
    /// Metadata of the member, in the bytes of the group's protocol.
    pub member_metadata: Bytes,
    /// Assignment that the leader made, in the bytes of the group's protocol.
    pub member_assignment: Bytes,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
