//! ShareGroupMemberMetadata (type 10): a member of a share group: what it told of itself (KIP-932).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The key.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 10, versions = 0, flexible = none)]
pub struct ShareGroupMemberMetadataKey {
    /// Id of the group.
    pub group_id: StrBytes,
    /// Id of the member.
    pub member_id: StrBytes,
}

/// The value.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 10, versions = 0, flexible = 0..)]
pub struct ShareGroupMemberMetadataValue {
    /// Rack of the client.
    pub rack_id: Option<StrBytes>,
    /// Client id, as the client calls itself.
    pub client_id: StrBytes,
    /// Address the member connects from.
    pub client_host: StrBytes,
    /// Names of the topics subscribed to; null if unchanged.
    pub subscribed_topic_names: Vec<StrBytes>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
