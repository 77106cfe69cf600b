//! TransactionLog (type 0).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 0, versions = 0, flexible = none)]
pub struct TransactionLogKey {
    pub transactional_id: StrBytes,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 0, versions = 0..=1, flexible = 1..)]
pub struct TransactionLogValue {
    pub producer_id: i64,
    #[field(tag = 0, since = 1, default = -1)]
    pub previous_producer_id: i64,
    #[field(tag = 1, since = 1, default = -1)]
    pub next_producer_id: i64,
    pub producer_epoch: i16,
    #[field(tag = 3, since = 1, default = -1)]
    pub next_producer_epoch: i16,
    pub transaction_timeout_ms: i32,
    pub transaction_status: i8,
    pub transaction_partitions: Option<Vec<PartitionsSchema>>,
    pub transaction_last_update_timestamp_ms: i64,
    pub transaction_start_timestamp_ms: i64,
    #[field(tag = 2, since = 1)]
    pub client_transaction_version: i16,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct PartitionsSchema {
    pub topic: StrBytes,
    pub partition_ids: Vec<i32>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
