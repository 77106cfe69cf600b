//! BrokerRegistrationChangeRecord (type 17): what changed of a broker's registration.
//!
//! * v1 controlled shutdown (KIP-841)
//! * v2 log dirs (KIP-858)
//! * v3 cordoned log dirs (KIP-1066)

use crate::Message;
use crate::wire::{RawTaggedField, Uuid};

/// The record.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 17, versions = 0..=3, flexible = 0..)]
pub struct BrokerRegistrationChangeRecord {
    /// Node id of the broker.
    pub broker_id: i32,
    /// Epoch of the broker's registration, which the controller gave it; -1 if it is not checked.
    pub broker_epoch: i64,
    /// 1 fences, -1 unfences, 0 leaves it.
    #[field(tag = 0)]
    pub fenced: i8,
    /// 1 begins the orderly shutdown, 0 leaves it.
    #[field(tag = 1, since = 1)]
    pub in_controlled_shutdown: i8,
    /// Log dirs of the broker from now on, by directory id; null leaves them.
    #[field(tag = 2, since = 2)]
    pub log_dirs: Vec<Uuid>,
    /// Cordoned log dirs from now on; null leaves them.
    #[field(tag = 3, since = 3, default = null)]
    pub cordoned_log_dirs: Option<Vec<Uuid>>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
