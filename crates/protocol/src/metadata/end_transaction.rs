//! EndTransactionRecord (type 24).

use crate::Message;
use crate::wire::RawTaggedField;

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 24, versions = 0, flexible = 0..)]
pub struct EndTransactionRecord {
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
