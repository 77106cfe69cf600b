//! ConsumerGroupMemberMetadata (type 5): a member of a consumer group: what it told of itself (KIP-848).

use bytes::Bytes;

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The key.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 5, versions = 0, flexible = none)]
pub struct ConsumerGroupMemberMetadataKey {
    /// Id of the group.
    pub group_id: StrBytes,
    /// Id of the member.
    pub member_id: StrBytes,
}

/// The value.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 5, versions = 0, flexible = 0..)]
pub struct ConsumerGroupMemberMetadataValue {
    /// Id of a static member; null for a dynamic one.
    pub instance_id: Option<StrBytes>,
    /// Rack of the client.
    pub rack_id: Option<StrBytes>,
    /// Client id, as the client calls itself.
    pub client_id: StrBytes,
    /// Address the member connects from.
    pub client_host: StrBytes,
    /// Names of the topics subscribed to; null if unchanged.
    pub subscribed_topic_names: Vec<StrBytes>,
    /// Regular expression of the topics subscribed to, in RE2 syntax; null if unchanged or none.
    pub subscribed_topic_regex: Option<StrBytes>,
    /// How long the member has to give up partitions or to join a rebalance, in ms; -1 if unchanged.
    #[field(default = -1)]
    pub rebalance_timeout_ms: i32,
    /// Assignor of the coordinator to use; null for its default.
    pub server_assignor: Option<StrBytes>,
    /// What a member brings that still uses the classic protocol; null for one that does not.
    #[field(tag = 0)]
    pub classic_member_metadata: Option<ClassicMemberMetadata>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The value of [`ConsumerGroupMemberMetadataValue::classic_member_metadata`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct ClassicMemberMetadata {
    /// How long the member may stay silent before it is thrown out, in ms.
    pub session_timeout_ms: i32,
    /// Protocols the classic member supports.
    pub supported_protocols: Vec<ClassicProtocol>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ClassicMemberMetadata::supported_protocols`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct ClassicProtocol {
    /// Name of the protocol.
    pub name: StrBytes,
    /// Metadata in the form of whoever reads it.
    pub metadata: Bytes,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
