//! ProducerIdsRecord (type 15).

use crate::Message;
use crate::wire::RawTaggedField;

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 15, versions = 0, flexible = 0..)]
pub struct ProducerIdsRecord {
    pub broker_id: i32,
    #[field(default = -1)]
    pub broker_epoch: i64,
    pub next_producer_id: i64,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
