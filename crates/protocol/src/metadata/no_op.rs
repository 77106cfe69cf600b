//! NoOpRecord (type 20): nothing. The active controller writes it from time to time, so that the log
//! advances and lag can be seen (KIP-835).

use crate::Message;
use crate::wire::RawTaggedField;

/// The record.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 20, versions = 0, flexible = 0..)]
pub struct NoOpRecord {
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
