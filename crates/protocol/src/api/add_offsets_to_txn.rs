//! AddOffsetsToTxn (key 25).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 25, versions = 0..=4, flexible = 3.., listeners = [Broker])]
pub struct AddOffsetsToTxnRequest {
    pub transactional_id: StrBytes,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub group_id: StrBytes,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 25, versions = 0..=4, flexible = 3..)]
pub struct AddOffsetsToTxnResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
