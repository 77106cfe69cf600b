//! EndTransactionRecord (type 24): the group of records is complete (KIP-868).

use crate::Message;
use crate::wire::RawTaggedField;

/// The record.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 24, versions = 0, flexible = 0..)]
pub struct EndTransactionRecord {
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
