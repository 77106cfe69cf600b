//! ConsumerGroupTargetAssignmentMember (type 7).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 7, versions = 0, flexible = none)]
pub struct ConsumerGroupTargetAssignmentMemberKey {
    pub group_id: StrBytes,
    pub member_id: StrBytes,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 7, versions = 0, flexible = 0..)]
pub struct ConsumerGroupTargetAssignmentMemberValue {
    pub topic_partitions: Vec<TopicPartition>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct TopicPartition {
    pub topic_id: Uuid,
    pub partitions: Vec<i32>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
