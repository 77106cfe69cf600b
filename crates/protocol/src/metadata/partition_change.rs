//! PartitionChangeRecord (type 5).

use crate::Message;
use crate::wire::{RawTaggedField, Uuid};

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 5, versions = 0..=2, flexible = 0..)]
pub struct PartitionChangeRecord {
    #[field(default = -1)]
    pub partition_id: i32,
    pub topic_id: Uuid,
    #[field(tag = 0, default = null)]
    pub isr: Option<Vec<i32>>,
    #[field(tag = 1, default = -2)]
    pub leader: i32,
    #[field(tag = 2, default = null)]
    pub replicas: Option<Vec<i32>>,
    #[field(tag = 3, default = null)]
    pub removing_replicas: Option<Vec<i32>>,
    #[field(tag = 4, default = null)]
    pub adding_replicas: Option<Vec<i32>>,
    #[field(tag = 5, default = -1)]
    pub leader_recovery_state: i8,
    #[field(tag = 8, since = 1, default = null)]
    pub directories: Option<Vec<Uuid>>,
    #[field(tag = 6, since = 2, default = null)]
    pub eligible_leader_replicas: Option<Vec<i32>>,
    #[field(tag = 7, since = 2, default = null)]
    pub last_known_elr: Option<Vec<i32>>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
