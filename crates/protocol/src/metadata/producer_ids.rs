//! ProducerIdsRecord (type 15): a block of producer ids was handed to a broker (KIP-730).

use crate::Message;
use crate::wire::RawTaggedField;

/// The record.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 15, versions = 0, flexible = 0..)]
pub struct ProducerIdsRecord {
    /// Node id of the broker that got the block.
    pub broker_id: i32,
    /// Epoch of the broker's registration, which the controller gave it; -1 if it is not checked.
    #[field(default = -1)]
    pub broker_epoch: i64,
    /// First producer id after the block that was handed out.
    pub next_producer_id: i64,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
