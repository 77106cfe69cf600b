//! ConsumerGroupCurrentMemberAssignment (type 8): how far a member has come on its way to the target
//! assignment (KIP-848).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

/// The key.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 8, versions = 0, flexible = none)]
pub struct ConsumerGroupCurrentMemberAssignmentKey {
    /// Id of the group.
    pub group_id: StrBytes,
    /// Id of the member.
    pub member_id: StrBytes,
}

/// The value.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 8, versions = 0, flexible = 0..)]
pub struct ConsumerGroupCurrentMemberAssignmentValue {
    /// Epoch of the member: 0 joins, -1 leaves, -2 leaves for a while as a static member.
    pub member_epoch: i32,
    /// Epoch of the member before the last advance, accepted once more if the answer got lost.
    pub previous_member_epoch: i32,
    /// State, by number.
    pub state: i8,
    /// Partitions of the topics assigned to the member.
    pub assigned_partitions: Vec<TopicPartitions>,
    /// Partitions the member must give up before its epoch can advance.
    pub partitions_pending_revocation: Vec<TopicPartitions>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ConsumerGroupCurrentMemberAssignmentValue::assigned_partitions`] and
/// [`ConsumerGroupCurrentMemberAssignmentValue::partitions_pending_revocation`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct TopicPartitions {
    /// Id of the topic.
    pub topic_id: Uuid,
    /// The partitions.
    pub partitions: Vec<i32>,
    /// Epoch at which each partition of `partitions` came to the member, in the same order; fences
    /// commits of zombies.
    #[field(tag = 0)]
    pub assignment_epochs: Option<Vec<i32>>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
