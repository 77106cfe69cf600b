//! StreamsGroupTargetAssignmentMember (type 21): the target assignment of a member of a streams group
//! (KIP-1071).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The key.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 21, versions = 0, flexible = none)]
pub struct StreamsGroupTargetAssignmentMemberKey {
    /// Id of the group.
    pub group_id: StrBytes,
    /// Id of the member.
    pub member_id: StrBytes,
}

/// The value.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 21, versions = 0, flexible = 0..)]
pub struct StreamsGroupTargetAssignmentMemberValue {
    /// Tasks that process, by subtopology.
    pub active_tasks: Vec<TaskIds>,
    /// Tasks that keep a copy of state, by subtopology.
    pub standby_tasks: Vec<TaskIds>,
    /// Tasks that restore state before they take over, by subtopology.
    pub warmup_tasks: Vec<TaskIds>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`StreamsGroupTargetAssignmentMemberValue::active_tasks`],
/// [`StreamsGroupTargetAssignmentMemberValue::standby_tasks`] and
/// [`StreamsGroupTargetAssignmentMemberValue::warmup_tasks`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct TaskIds {
    /// Id of the subtopology.
    pub subtopology_id: StrBytes,
    /// The partitions.
    pub partitions: Vec<i32>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
