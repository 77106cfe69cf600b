//! AlterPartition (key 56): proposes a new ISR to the controller; from leaders (KIP-497).
//!
//! * v2 topic ids (KIP-841)
//! * v3 broker epochs of the replicas (KIP-903)

use crate::Message;
use crate::wire::{RawTaggedField, Uuid};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 56, versions = 2..=3, flexible = 0.., listeners = [Controller])]
pub struct AlterPartitionRequest {
    /// Node id of the broker.
    pub broker_id: i32,
    /// Epoch of the broker's registration, which the controller gave it; -1 if it is not checked.
    #[field(default = -1)]
    pub broker_epoch: i64,
    /// The topics.
    pub topics: Vec<AlterPartitionRequestTopicData>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`AlterPartitionRequest::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct AlterPartitionRequestTopicData {
    /// Id of the topic.
    #[field(ignorable)]
    pub topic_id: Uuid,
    /// The partitions.
    pub partitions: Vec<AlterPartitionRequestPartitionData>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`AlterPartitionRequestTopicData::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct AlterPartitionRequestPartitionData {
    /// Number of the partition within the topic.
    pub partition_index: i32,
    /// Epoch of the leader.
    pub leader_epoch: i32,
    /// Node ids of the proposed in-sync replicas.
    #[field(until = 2)]
    pub new_isr: Vec<i32>,
    /// The proposed in-sync replicas with their broker epochs.
    #[field(since = 3)]
    pub new_isr_with_epochs: Vec<BrokerState>,
    /// 0 recovered, 1 recovering from an unclean election (KIP-704).
    pub leader_recovery_state: i8,
    /// Epoch of the partition: grows with every change of leader, ISR or replicas; refuses outdated
    /// changes.
    pub partition_epoch: i32,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`AlterPartitionRequestPartitionData::new_isr_with_epochs`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct BrokerState {
    /// Node id of the broker.
    pub broker_id: i32,
    /// Epoch of the broker's registration, which the controller gave it; -1 if it is not checked.
    #[field(default = -1)]
    pub broker_epoch: i64,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 56, versions = 2..=3, flexible = 0..)]
pub struct AlterPartitionResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// The topics.
    pub topics: Vec<AlterPartitionResponseTopicData>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`AlterPartitionResponse::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct AlterPartitionResponseTopicData {
    /// Id of the topic.
    #[field(ignorable)]
    pub topic_id: Uuid,
    /// The partitions.
    pub partitions: Vec<AlterPartitionResponsePartitionData>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`AlterPartitionResponseTopicData::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct AlterPartitionResponsePartitionData {
    /// Number of the partition within the topic.
    pub partition_index: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Node id of the leader, -1 for none.
    pub leader_id: i32,
    /// Epoch of the leader.
    pub leader_epoch: i32,
    /// Node ids of the in-sync replicas.
    pub isr: Vec<i32>,
    /// 0 recovered, 1 recovering from an unclean election (KIP-704).
    #[field(ignorable)]
    pub leader_recovery_state: i8,
    /// Epoch of the partition: grows with every change of leader, ISR or replicas; refuses outdated
    /// changes.
    pub partition_epoch: i32,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
