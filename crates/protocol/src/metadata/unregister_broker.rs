//! UnregisterBrokerRecord (type 1).

use crate::Message;
use crate::wire::RawTaggedField;

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 1, versions = 0, flexible = 0..)]
pub struct UnregisterBrokerRecord {
    pub broker_id: i32,
    pub broker_epoch: i64,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
