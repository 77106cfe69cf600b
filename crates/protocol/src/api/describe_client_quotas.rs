//! DescribeClientQuotas (key 48): lists client quotas (KIP-546).
//!
//! * v1 flexible

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 48, versions = 0..=1, flexible = 1.., listeners = [Broker])]
pub struct DescribeClientQuotasRequest {
    /// What an entity must have; all must match.
    pub components: Vec<ComponentData>,
    /// Whether entities with parts that are not named are left out.
    pub strict: bool,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`DescribeClientQuotasRequest::components`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct ComponentData {
    /// `user`, `client-id` or `ip`.
    pub entity_type: StrBytes,
    /// 0 exact name, 1 the default entity, 2 any name.
    pub match_type: i8,
    /// Name to match, if the match type takes one.
    pub r#match: Option<StrBytes>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 48, versions = 0..=1, flexible = 1..)]
pub struct DescribeClientQuotasResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Text for the error; null if there is none.
    pub error_message: Option<StrBytes>,
    /// Entries of this message.
    pub entries: Option<Vec<EntryData>>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`DescribeClientQuotasResponse::entries`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct EntryData {
    /// Parts of the quota entity, such as a user and a client id.
    pub entity: Vec<EntityData>,
    /// Values, by quota key.
    pub values: Vec<ValueData>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`EntryData::entity`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct EntityData {
    /// `user`, `client-id` or `ip`.
    pub entity_type: StrBytes,
    /// Name of the entity; null for the default of its type.
    pub entity_name: Option<StrBytes>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`EntryData::values`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct ValueData {
    /// Key, by which it is looked up.
    pub key: StrBytes,
    /// Value.
    pub value: f64,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
