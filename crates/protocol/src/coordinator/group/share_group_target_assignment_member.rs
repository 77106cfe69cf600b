//! ShareGroupTargetAssignmentMember (type 13): the target assignment of a member of a share group
//! (KIP-932).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

/// The key.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 13, versions = 0, flexible = none)]
pub struct ShareGroupTargetAssignmentMemberKey {
    /// Id of the group.
    pub group_id: StrBytes,
    /// Id of the member.
    pub member_id: StrBytes,
}

/// The value.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 13, versions = 0, flexible = 0..)]
pub struct ShareGroupTargetAssignmentMemberValue {
    /// Partitions, by topic.
    pub topic_partitions: Vec<TopicPartition>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ShareGroupTargetAssignmentMemberValue::topic_partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct TopicPartition {
    /// Id of the topic.
    pub topic_id: Uuid,
    /// The partitions.
    pub partitions: Vec<i32>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
