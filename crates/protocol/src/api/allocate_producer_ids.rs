//! AllocateProducerIds (key 67).

use crate::Message;
use crate::wire::RawTaggedField;

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 67, versions = 0, flexible = 0.., listeners = [Controller])]
pub struct AllocateProducerIdsRequest {
    pub broker_id: i32,
    #[field(default = -1)]
    pub broker_epoch: i64,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 67, versions = 0, flexible = 0..)]
pub struct AllocateProducerIdsResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub producer_id_start: i64,
    pub producer_id_len: i32,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
