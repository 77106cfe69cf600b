//! StreamsGroupCurrentMemberAssignment (type 22).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 22, versions = 0, flexible = none)]
pub struct StreamsGroupCurrentMemberAssignmentKey {
    pub group_id: StrBytes,
    pub member_id: StrBytes,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 22, versions = 0, flexible = 0..)]
pub struct StreamsGroupCurrentMemberAssignmentValue {
    pub member_epoch: i32,
    pub previous_member_epoch: i32,
    pub state: i8,
    pub active_tasks: Vec<TaskIds>,
    pub standby_tasks: Vec<TaskIds>,
    pub warmup_tasks: Vec<TaskIds>,
    pub active_tasks_pending_revocation: Vec<TaskIds>,
    pub standby_tasks_pending_revocation: Vec<TaskIds>,
    pub warmup_tasks_pending_revocation: Vec<TaskIds>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct TaskIds {
    pub subtopology_id: StrBytes,
    pub partitions: Vec<i32>,
    #[field(tag = 0)]
    pub assignment_epochs: Option<Vec<i32>>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
