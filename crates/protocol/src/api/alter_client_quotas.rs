//! AlterClientQuotas (key 49): changes client quotas (KIP-546).
//!
//! * v1 flexible

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 49, versions = 0..=1, flexible = 1.., listeners = [Broker, Controller])]
pub struct AlterClientQuotasRequest {
    /// Entries of this message.
    pub entries: Vec<AlterClientQuotasRequestEntryData>,
    /// Whether to only check the request, changing nothing.
    pub validate_only: bool,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`AlterClientQuotasRequest::entries`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct AlterClientQuotasRequestEntryData {
    /// Parts of the quota entity, such as a user and a client id.
    pub entity: Vec<AlterClientQuotasRequestEntityData>,
    /// Values to set or remove.
    pub ops: Vec<OpData>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`AlterClientQuotasRequestEntryData::entity`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct AlterClientQuotasRequestEntityData {
    /// `user`, `client-id` or `ip`.
    pub entity_type: StrBytes,
    /// Name of the entity; null for the default of its type.
    pub entity_name: Option<StrBytes>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`AlterClientQuotasRequestEntryData::ops`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct OpData {
    /// Key, by which it is looked up.
    pub key: StrBytes,
    /// Value.
    pub value: f64,
    /// Whether to remove the value instead of setting it.
    pub remove: bool,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 49, versions = 0..=1, flexible = 1..)]
pub struct AlterClientQuotasResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// Entries of this message.
    pub entries: Vec<AlterClientQuotasResponseEntryData>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`AlterClientQuotasResponse::entries`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct AlterClientQuotasResponseEntryData {
    /// Error, 0 for none.
    pub error_code: i16,
    /// Text for the error; null if there is none.
    pub error_message: Option<StrBytes>,
    /// Parts of the quota entity, such as a user and a client id.
    pub entity: Vec<AlterClientQuotasResponseEntityData>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`AlterClientQuotasResponseEntryData::entity`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct AlterClientQuotasResponseEntityData {
    /// `user`, `client-id` or `ip`.
    pub entity_type: StrBytes,
    /// Name of the entity; null for the default of its type.
    pub entity_name: Option<StrBytes>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
