//! BrokerRegistrationChangeRecord (type 17).

use crate::Message;
use crate::wire::{RawTaggedField, Uuid};

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 17, versions = 0..=3, flexible = 0..)]
pub struct BrokerRegistrationChangeRecord {
    pub broker_id: i32,
    pub broker_epoch: i64,
    #[field(tag = 0)]
    pub fenced: i8,
    #[field(tag = 1, since = 1)]
    pub in_controlled_shutdown: i8,
    #[field(tag = 2, since = 2)]
    pub log_dirs: Vec<Uuid>,
    #[field(tag = 3, since = 3, default = null)]
    pub cordoned_log_dirs: Option<Vec<Uuid>>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
