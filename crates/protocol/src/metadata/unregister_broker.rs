//! UnregisterBrokerRecord (type 1): a broker's registration was removed.

use crate::Message;
use crate::wire::RawTaggedField;

/// The record.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 1, versions = 0, flexible = 0..)]
pub struct UnregisterBrokerRecord {
    /// Node id of the broker.
    pub broker_id: i32,
    /// Epoch of the broker's registration, which the controller gave it; -1 if it is not checked.
    pub broker_epoch: i64,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
