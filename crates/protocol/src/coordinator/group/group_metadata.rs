//! GroupMetadata (type 2): a group of the classic protocol with its members.
//!
//! * v1 rebalance timeout
//! * v2 time of the state
//! * v3 static members (KIP-345)
//! * v4 flexible

use bytes::Bytes;

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The key.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 2, versions = 0, flexible = none)]
pub struct GroupMetadataKey {
    /// Id of the group.
    pub group: StrBytes,
}

/// The value.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 2, versions = 0..=4, flexible = 4..)]
pub struct GroupMetadataValue {
    /// Kind of protocol, `consumer` for consumers.
    pub protocol_type: StrBytes,
    /// Generation of the group.
    pub generation: i32,
    /// Protocol that was chosen; null for none.
    pub protocol: Option<StrBytes>,
    /// Member id of the leader; null for none.
    pub leader: Option<StrBytes>,
    /// When the state last changed, in ms since 1970; -1 if unknown.
    #[field(since = 2, default = -1, ignorable)]
    pub current_state_timestamp: i64,
    /// The members.
    pub members: Vec<MemberMetadata>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`GroupMetadataValue::members`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct MemberMetadata {
    /// Id of the member.
    pub member_id: StrBytes,
    /// Id of a static member (`group.instance.id`); null for a dynamic one.
    #[field(since = 3, default = null, ignorable)]
    pub group_instance_id: Option<StrBytes>,
    /// Client id, as the client calls itself.
    pub client_id: StrBytes,
    /// Address the member connects from.
    pub client_host: StrBytes,
    /// How long members have to join a rebalance, in ms.
    #[field(since = 1, default = -1, ignorable)]
    pub rebalance_timeout: i32,
    /// How long a member may stay silent, in ms.
    pub session_timeout: i32,
    /// Subscription of the member, in the bytes of the group's protocol.
    pub subscription: Bytes,
    /// What the member is assigned.
    pub assignment: Bytes,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
