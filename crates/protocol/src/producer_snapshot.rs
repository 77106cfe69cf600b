//! Producer snapshot.

use crate::Message;

#[derive(Debug, Clone, PartialEq, Message)]
#[data(versions = 1, flexible = none)]
pub struct ProducerSnapshot {
    pub crc: u32,
    pub producer_entries: Vec<ProducerEntry>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct ProducerEntry {
    pub producer_id: i64,
    pub epoch: i16,
    pub last_sequence: i32,
    pub last_offset: i64,
    pub offset_delta: i32,
    pub timestamp: i64,
    pub coordinator_epoch: i32,
    pub current_txn_first_offset: i64,
}
