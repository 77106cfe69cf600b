//! StreamsGroupMetadata (type 17): a streams group's epoch (KIP-1071).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The key.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 17, versions = 0, flexible = none)]
pub struct StreamsGroupMetadataKey {
    /// Id of the group.
    pub group_id: StrBytes,
}

/// The value.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 17, versions = 0, flexible = 0..)]
pub struct StreamsGroupMetadataValue {
    /// Epoch.
    pub epoch: i32,
    /// Hash over the metadata of the subscribed topics: a change asks for a new assignment
    /// (KIP-1101).
    pub metadata_hash: i64,
    /// Epoch of the topology whose topics were checked, -1 for none.
    #[field(tag = 0, default = -1)]
    pub validated_topology_epoch: i32,
    /// Configs the last assignment was made with.
    #[field(tag = 1)]
    pub last_assignment_configs: Option<Vec<LastAssignmentConfig>>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`StreamsGroupMetadataValue::last_assignment_configs`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct LastAssignmentConfig {
    /// Key, by which it is looked up.
    pub key: StrBytes,
    /// Value.
    pub value: StrBytes,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
