//! StreamsGroupMemberMetadata (type 19): a member of a streams group: what it told of itself (KIP-1071).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The key.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 19, versions = 0, flexible = none)]
pub struct StreamsGroupMemberMetadataKey {
    /// Id of the group.
    pub group_id: StrBytes,
    /// Id of the member.
    pub member_id: StrBytes,
}

/// The value.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 19, versions = 0, flexible = 0..)]
pub struct StreamsGroupMemberMetadataValue {
    /// Id of a static member; null for a dynamic one.
    pub instance_id: Option<StrBytes>,
    /// Rack of the client.
    pub rack_id: Option<StrBytes>,
    /// Client id, as the client calls itself.
    pub client_id: StrBytes,
    /// Address the member connects from.
    pub client_host: StrBytes,
    /// How long the member has to give up partitions or to join a rebalance, in ms; -1 if unchanged.
    #[field(default = -1)]
    pub rebalance_timeout_ms: i32,
    /// Epoch of the topology, which the application raises when it changes.
    pub topology_epoch: i32,
    /// Id of the process the client runs in.
    pub process_id: StrBytes,
    /// Endpoint of the application for interactive queries; null for none, or if unchanged.
    #[field(default = null)]
    pub user_endpoint: Option<Endpoint>,
    /// Tags for rack-aware assignment.
    pub client_tags: Vec<KeyValue>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The value of [`StreamsGroupMemberMetadataValue::user_endpoint`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct Endpoint {
    /// Host name or address.
    pub host: StrBytes,
    /// Port.
    pub port: u16,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`StreamsGroupMemberMetadataValue::client_tags`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct KeyValue {
    /// Name.
    pub key: StrBytes,
    /// Value.
    pub value: StrBytes,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
