//! FenceBrokerRecord (type 7).

use crate::Message;
use crate::wire::RawTaggedField;

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 7, versions = 0, flexible = 0..)]
pub struct FenceBrokerRecord {
    pub id: i32,
    pub epoch: i64,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
