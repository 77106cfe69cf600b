//! PartitionRecord (type 3): a partition was created, or in a snapshot its whole state.
//!
//! * v1 directories (KIP-858)
//! * v2 eligible leader replicas (KIP-966)

use crate::Message;
use crate::wire::{RawTaggedField, Uuid};

/// The record.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 3, versions = 0..=2, flexible = 0..)]
pub struct PartitionRecord {
    /// Number of the partition within the topic.
    #[field(default = -1)]
    pub partition_id: i32,
    /// Id of the topic.
    pub topic_id: Uuid,
    /// Node ids of all replicas, preferred leader first.
    pub replicas: Vec<i32>,
    /// Node ids of the in-sync replicas.
    pub isr: Vec<i32>,
    /// Replicas a reassignment removes.
    pub removing_replicas: Vec<i32>,
    /// Replicas a reassignment adds.
    pub adding_replicas: Vec<i32>,
    /// Node id of the leader, or member id of the group's leader.
    #[field(default = -1)]
    pub leader: i32,
    /// 0 recovered, 1 recovering from an unclean election (KIP-704).
    #[field(tag = 0)]
    pub leader_recovery_state: i8,
    /// Epoch of the leader.
    #[field(default = -1)]
    pub leader_epoch: i32,
    /// Epoch of the partition: grows with every change of leader, ISR or replicas; refuses outdated
    /// changes.
    #[field(default = -1)]
    pub partition_epoch: i32,
    /// Directory id of each replica, in the order of `replicas` (KIP-858).
    #[field(since = 1)]
    pub directories: Vec<Uuid>,
    /// Replicas that have every committed record although not in sync; null for none (KIP-966).
    #[field(tag = 1, since = 2, default = null)]
    pub eligible_leader_replicas: Option<Vec<i32>>,
    /// The last eligible leaders that are known not to have shut down cleanly since; null for none.
    #[field(tag = 2, since = 2, default = null)]
    pub last_known_elr: Option<Vec<i32>>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
