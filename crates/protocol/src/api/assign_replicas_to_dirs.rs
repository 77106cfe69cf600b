//! AssignReplicasToDirs (key 73): tells the controller which log dir a replica is in (KIP-858).

use crate::Message;
use crate::wire::{RawTaggedField, Uuid};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 73, versions = 0, flexible = 0.., listeners = [Controller])]
pub struct AssignReplicasToDirsRequest {
    /// Node id of the broker.
    pub broker_id: i32,
    /// Epoch of the broker's registration, which the controller gave it; -1 if it is not checked.
    #[field(default = -1)]
    pub broker_epoch: i64,
    /// Directory ids or the dirs themselves.
    pub directories: Vec<AssignReplicasToDirsRequestDirectoryData>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`AssignReplicasToDirsRequest::directories`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct AssignReplicasToDirsRequestDirectoryData {
    /// Directory id.
    pub id: Uuid,
    /// The topics.
    pub topics: Vec<AssignReplicasToDirsRequestTopicData>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`AssignReplicasToDirsRequestDirectoryData::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct AssignReplicasToDirsRequestTopicData {
    /// Id of the topic.
    pub topic_id: Uuid,
    /// The partitions.
    pub partitions: Vec<AssignReplicasToDirsRequestPartitionData>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`AssignReplicasToDirsRequestTopicData::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct AssignReplicasToDirsRequestPartitionData {
    /// Number of the partition within the topic.
    pub partition_index: i32,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 73, versions = 0, flexible = 0..)]
pub struct AssignReplicasToDirsResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Directory ids or the dirs themselves.
    #[field(counted = false)]
    pub directories: Vec<AssignReplicasToDirsResponseDirectoryData>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`AssignReplicasToDirsResponse::directories`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct AssignReplicasToDirsResponseDirectoryData {
    /// Directory id.
    pub id: Uuid,
    /// The topics.
    pub topics: Vec<AssignReplicasToDirsResponseTopicData>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`AssignReplicasToDirsResponseDirectoryData::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct AssignReplicasToDirsResponseTopicData {
    /// Id of the topic.
    pub topic_id: Uuid,
    /// The partitions.
    pub partitions: Vec<AssignReplicasToDirsResponsePartitionData>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`AssignReplicasToDirsResponseTopicData::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct AssignReplicasToDirsResponsePartitionData {
    /// Number of the partition within the topic.
    pub partition_index: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
