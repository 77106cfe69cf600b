//! AlterClientQuotas (key 49).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 49, versions = 0..=1, flexible = 1.., listeners = [Broker, Controller])]
pub struct AlterClientQuotasRequest {
    pub entries: Vec<AlterClientQuotasRequestEntryData>,
    pub validate_only: bool,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct AlterClientQuotasRequestEntryData {
    pub entity: Vec<AlterClientQuotasRequestEntityData>,
    pub ops: Vec<OpData>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct AlterClientQuotasRequestEntityData {
    pub entity_type: StrBytes,
    pub entity_name: Option<StrBytes>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct OpData {
    pub key: StrBytes,
    pub value: f64,
    pub remove: bool,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 49, versions = 0..=1, flexible = 1..)]
pub struct AlterClientQuotasResponse {
    pub throttle_time_ms: i32,
    pub entries: Vec<AlterClientQuotasResponseEntryData>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct AlterClientQuotasResponseEntryData {
    pub error_code: i16,
    pub error_message: Option<StrBytes>,
    pub entity: Vec<AlterClientQuotasResponseEntityData>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct AlterClientQuotasResponseEntityData {
    pub entity_type: StrBytes,
    pub entity_name: Option<StrBytes>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
