//! AssignReplicasToDirs (key 73).

use crate::Message;
use crate::wire::{RawTaggedField, Uuid};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 73, versions = 0, flexible = 0.., listeners = [Controller])]
pub struct AssignReplicasToDirsRequest {
    pub broker_id: i32,
    #[field(default = -1)]
    pub broker_epoch: i64,
    pub directories: Vec<AssignReplicasToDirsRequestDirectoryData>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct AssignReplicasToDirsRequestDirectoryData {
    pub id: Uuid,
    pub topics: Vec<AssignReplicasToDirsRequestTopicData>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct AssignReplicasToDirsRequestTopicData {
    pub topic_id: Uuid,
    pub partitions: Vec<AssignReplicasToDirsRequestPartitionData>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct AssignReplicasToDirsRequestPartitionData {
    pub partition_index: i32,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 73, versions = 0, flexible = 0..)]
pub struct AssignReplicasToDirsResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub directories: Vec<AssignReplicasToDirsResponseDirectoryData>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct AssignReplicasToDirsResponseDirectoryData {
    pub id: Uuid,
    pub topics: Vec<AssignReplicasToDirsResponseTopicData>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct AssignReplicasToDirsResponseTopicData {
    pub topic_id: Uuid,
    pub partitions: Vec<AssignReplicasToDirsResponsePartitionData>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct AssignReplicasToDirsResponsePartitionData {
    pub partition_index: i32,
    pub error_code: i16,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
