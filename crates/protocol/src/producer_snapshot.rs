//! The files `<offset>.snapshot` of a partition: the state of its producers at an offset, so that a
//! restart need not read the whole log.
//!
//! In the file two bytes of version (1) stand in front, then the CRC over all that follows it.

use crate::Message;

/// Content of the file.
#[derive(Debug, Clone, PartialEq, Message)]
#[data(versions = 1, flexible = none)]
pub struct ProducerSnapshot {
    /// CRC-32C of the bytes that follow it.
    pub crc: u32,
    /// The producers.
    pub producer_entries: Vec<ProducerEntry>,
}

/// An element of [`ProducerSnapshot::producer_entries`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct ProducerEntry {
    /// Producer id.
    pub producer_id: i64,
    /// Epoch of the producer id.
    pub epoch: i16,
    /// Sequence number of the last record of the producer.
    pub last_sequence: i32,
    /// Offset of its last record.
    pub last_offset: i64,
    /// Offsets between first and last record of the last batch.
    pub offset_delta: i32,
    /// Largest timestamp of its last batch.
    pub timestamp: i64,
    /// Epoch of the coordinator that last ended a transaction, -1 for none.
    pub coordinator_epoch: i32,
    /// First offset of the open transaction, -1 if there is none.
    pub current_txn_first_offset: i64,
}
