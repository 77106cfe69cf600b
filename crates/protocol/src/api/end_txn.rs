//! EndTxn (key 26).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 26, versions = 0..=5, flexible = 3.., listeners = [Broker])]
pub struct EndTxnRequest {
    pub transactional_id: StrBytes,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub committed: bool,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 26, versions = 0..=5, flexible = 3..)]
pub struct EndTxnResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    #[field(since = 5, default = -1, ignorable)]
    pub producer_id: i64,
    #[field(since = 5, default = -1, ignorable)]
    pub producer_epoch: i16,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
