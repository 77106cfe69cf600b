//! TransactionLog (type 0): the state of a transactional id.
//!
//! * v1 flexible: new fields are tagged, so that older brokers can read on (KIP-915)

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The key.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 0, versions = 0, flexible = none)]
pub struct TransactionLogKey {
    /// Transactional id of the producer.
    pub transactional_id: StrBytes,
}

/// The value.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 0, versions = 0..=1, flexible = 1..)]
pub struct TransactionLogValue {
    /// Producer id.
    pub producer_id: i64,
    /// Producer id of the last transaction, -1 for none.
    #[field(tag = 0, since = 1, default = -1)]
    pub previous_producer_id: i64,
    /// Producer id of the next transaction, if the old one has run out of epochs; -1 otherwise.
    #[field(tag = 1, since = 1, default = -1)]
    pub next_producer_id: i64,
    /// Epoch of the producer id.
    pub producer_epoch: i16,
    /// Epoch that belongs to `next_producer_id`.
    #[field(tag = 3, since = 1, default = -1)]
    pub next_producer_epoch: i16,
    /// How long a transaction may stay open before the coordinator aborts it, in ms.
    pub transaction_timeout_ms: i32,
    /// State: 0 empty, 1 ongoing, 2 prepare commit, 3 prepare abort, 4 complete commit, 5 complete
    /// abort, 6 dead, 7 prepare epoch fence.
    pub transaction_status: i8,
    /// Partitions in the transaction.
    pub transaction_partitions: Option<Vec<PartitionsSchema>>,
    /// When the transaction last changed, in ms since 1970.
    pub transaction_last_update_timestamp_ms: i64,
    /// When the transaction began, in ms since 1970; -1 if none is open.
    pub transaction_start_timestamp_ms: i64,
    /// Transaction version (`transaction.version`) the client uses.
    #[field(tag = 2, since = 1)]
    pub client_transaction_version: i16,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`TransactionLogValue::transaction_partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct PartitionsSchema {
    /// Name of the topic.
    pub topic: StrBytes,
    /// Numbers of the partitions within the topic.
    pub partition_ids: Vec<i32>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
