//! InitProducerId (key 22).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 22, versions = 0..=6, flexible = 2.., listeners = [Broker], latest_unstable)]
pub struct InitProducerIdRequest {
    pub transactional_id: Option<StrBytes>,
    pub transaction_timeout_ms: i32,
    #[field(since = 3, default = -1)]
    pub producer_id: i64,
    #[field(since = 3, default = -1)]
    pub producer_epoch: i16,
    #[field(since = 6)]
    pub enable2_pc: bool,
    #[field(since = 6)]
    pub keep_prepared_txn: bool,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 22, versions = 0..=6, flexible = 2..)]
pub struct InitProducerIdResponse {
    #[field(ignorable)]
    pub throttle_time_ms: i32,
    pub error_code: i16,
    #[field(default = -1)]
    pub producer_id: i64,
    pub producer_epoch: i16,
    #[field(since = 6, default = -1)]
    pub ongoing_txn_producer_id: i64,
    #[field(since = 6, default = -1)]
    pub ongoing_txn_producer_epoch: i16,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
