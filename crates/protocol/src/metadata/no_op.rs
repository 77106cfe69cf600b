//! NoOpRecord (type 20).

use crate::Message;
use crate::wire::RawTaggedField;

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 20, versions = 0, flexible = 0..)]
pub struct NoOpRecord {
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
