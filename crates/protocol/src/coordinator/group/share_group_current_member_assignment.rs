//! ShareGroupCurrentMemberAssignment (type 14).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 14, versions = 0, flexible = none)]
pub struct ShareGroupCurrentMemberAssignmentKey {
    pub group_id: StrBytes,
    pub member_id: StrBytes,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 14, versions = 0, flexible = 0..)]
pub struct ShareGroupCurrentMemberAssignmentValue {
    pub member_epoch: i32,
    pub previous_member_epoch: i32,
    pub state: i8,
    pub assigned_partitions: Vec<TopicPartitions>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct TopicPartitions {
    pub topic_id: Uuid,
    pub partitions: Vec<i32>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
