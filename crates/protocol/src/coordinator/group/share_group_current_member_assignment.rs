//! ShareGroupCurrentMemberAssignment (type 14): the current assignment of a member of a share group
//! (KIP-932).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

/// The key.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 14, versions = 0, flexible = none)]
pub struct ShareGroupCurrentMemberAssignmentKey {
    /// Id of the group.
    pub group_id: StrBytes,
    /// Id of the member.
    pub member_id: StrBytes,
}

/// The value.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 14, versions = 0, flexible = 0..)]
pub struct ShareGroupCurrentMemberAssignmentValue {
    /// Epoch of the member: 0 joins, -1 leaves, -2 leaves for a while as a static member.
    pub member_epoch: i32,
    /// Epoch of the member before the last advance, accepted once more if the answer got lost.
    pub previous_member_epoch: i32,
    /// State, by number.
    pub state: i8,
    /// Partitions of the topics assigned to the member.
    pub assigned_partitions: Vec<TopicPartitions>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ShareGroupCurrentMemberAssignmentValue::assigned_partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct TopicPartitions {
    /// Id of the topic.
    pub topic_id: Uuid,
    /// The partitions.
    pub partitions: Vec<i32>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
