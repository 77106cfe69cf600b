//! StreamsGroupTargetAssignmentMember (type 21).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 21, versions = 0, flexible = none)]
pub struct StreamsGroupTargetAssignmentMemberKey {
    pub group_id: StrBytes,
    pub member_id: StrBytes,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 21, versions = 0, flexible = 0..)]
pub struct StreamsGroupTargetAssignmentMemberValue {
    pub active_tasks: Vec<TaskIds>,
    pub standby_tasks: Vec<TaskIds>,
    pub warmup_tasks: Vec<TaskIds>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct TaskIds {
    pub subtopology_id: StrBytes,
    pub partitions: Vec<i32>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
