//! StreamsGroupCurrentMemberAssignment (type 22): how far a member of a streams group has come on its way
//! to the target assignment (KIP-1071).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The key.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 22, versions = 0, flexible = none)]
pub struct StreamsGroupCurrentMemberAssignmentKey {
    /// Id of the group.
    pub group_id: StrBytes,
    /// Id of the member.
    pub member_id: StrBytes,
}

/// The value.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 22, versions = 0, flexible = 0..)]
pub struct StreamsGroupCurrentMemberAssignmentValue {
    /// Epoch of the member: 0 joins, -1 leaves, -2 leaves for a while as a static member.
    pub member_epoch: i32,
    /// Epoch of the member before the last advance, accepted once more if the answer got lost.
    pub previous_member_epoch: i32,
    /// State, by number.
    pub state: i8,
    /// Tasks that process, by subtopology.
    pub active_tasks: Vec<TaskIds>,
    /// Tasks that keep a copy of state, by subtopology.
    pub standby_tasks: Vec<TaskIds>,
    /// Tasks that restore state before they take over, by subtopology.
    pub warmup_tasks: Vec<TaskIds>,
    /// Active tasks the member must give up before its epoch can advance.
    pub active_tasks_pending_revocation: Vec<TaskIds>,
    /// Standby tasks the member must give up.
    pub standby_tasks_pending_revocation: Vec<TaskIds>,
    /// Warm-up tasks the member must give up.
    pub warmup_tasks_pending_revocation: Vec<TaskIds>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`StreamsGroupCurrentMemberAssignmentValue::active_tasks`],
/// [`StreamsGroupCurrentMemberAssignmentValue::standby_tasks`] and others.
#[derive(Debug, Clone, PartialEq, Message)]
pub struct TaskIds {
    /// Id of the subtopology.
    pub subtopology_id: StrBytes,
    /// The partitions.
    pub partitions: Vec<i32>,
    /// Epoch at which each partition of `partitions` came to the member, in the same order; fences
    /// commits of zombies.
    #[field(tag = 0)]
    pub assignment_epochs: Option<Vec<i32>>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
