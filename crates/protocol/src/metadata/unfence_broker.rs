//! UnfenceBrokerRecord (type 8).

use crate::Message;
use crate::wire::RawTaggedField;

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 8, versions = 0, flexible = 0..)]
pub struct UnfenceBrokerRecord {
    pub id: i32,
    pub epoch: i64,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
