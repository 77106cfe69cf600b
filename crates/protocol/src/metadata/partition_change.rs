//! PartitionChangeRecord (type 5): what changed of a partition. Fields that are not set leave things as
//! they are.
//!
//! * v1 directories (KIP-858)
//! * v2 eligible leader replicas (KIP-966)

use crate::Message;
use crate::wire::{RawTaggedField, Uuid};

/// The record.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 5, versions = 0..=2, flexible = 0..)]
pub struct PartitionChangeRecord {
    /// Number of the partition within the topic.
    #[field(default = -1)]
    pub partition_id: i32,
    /// Id of the topic.
    pub topic_id: Uuid,
    /// New in-sync replicas; null leaves them.
    #[field(tag = 0, default = null)]
    pub isr: Option<Vec<i32>>,
    /// New leader: -1 for none, -2 leaves it.
    #[field(tag = 1, default = -2)]
    pub leader: i32,
    /// New replicas; null leaves them.
    #[field(tag = 2, default = null)]
    pub replicas: Option<Vec<i32>>,
    /// Replicas a reassignment removes from now on; null leaves them.
    #[field(tag = 3, default = null)]
    pub removing_replicas: Option<Vec<i32>>,
    /// Replicas a reassignment adds from now on; null leaves them.
    #[field(tag = 4, default = null)]
    pub adding_replicas: Option<Vec<i32>>,
    /// New state of recovery: 0 recovered, 1 recovering, -1 leaves it.
    #[field(tag = 5, default = -1)]
    pub leader_recovery_state: i8,
    /// Directory id of each replica; null leaves them (KIP-858).
    #[field(tag = 8, since = 1, default = null)]
    pub directories: Option<Vec<Uuid>>,
    /// Eligible leaders from now on; null leaves them.
    #[field(tag = 6, since = 2, default = null)]
    pub eligible_leader_replicas: Option<Vec<i32>>,
    /// Last known eligible leaders from now on; null leaves them.
    #[field(tag = 7, since = 2, default = null)]
    pub last_known_elr: Option<Vec<i32>>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
