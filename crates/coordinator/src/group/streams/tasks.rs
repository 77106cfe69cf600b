//! Tasks: one partition of one subtopology each, which a member works on (active), keeps a copy of the state of
//! (standby), or is getting ready for (warm-up).

use klamm_protocol::StrBytes;
use klamm_protocol::api::streams_group_heartbeat::StreamsGroupHeartbeatRequestTaskIds;
use klamm_protocol::coordinator::group::StreamsGroupTargetAssignmentMemberValue;
use klamm_protocol::coordinator::group::streams_group_current_member_assignment::TaskIds;
use klamm_protocol::coordinator::group::streams_group_target_assignment_member::TaskIds as TargetTaskIds;
use std::collections::{BTreeMap, BTreeSet};

/// Partitions by subtopology; no subtopology without partitions.
pub(crate) type Tasks = BTreeMap<StrBytes, BTreeSet<i32>>;

/// As [`Tasks`], each with the member's epoch when it got it.
pub(crate) type EpochTasks = BTreeMap<StrBytes, BTreeMap<i32, i32>>;

/// What a member is to have, or says it has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TaskSets {
    pub(crate) active: Tasks,
    pub(crate) standby: Tasks,
    pub(crate) warmup: Tasks,
}

/// What a member has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AssignedTasks {
    pub(crate) active: EpochTasks,
    pub(crate) standby: Tasks,
    pub(crate) warmup: Tasks,
}

impl TaskSets {
    pub(crate) fn is_empty(&self) -> bool {
        self.active.is_empty() && self.standby.is_empty() && self.warmup.is_empty()
    }

    /// Whether any task, in its role, is among the others.
    pub(crate) fn has_any_of(&self, others: &AssignedTasks) -> bool {
        let active = |id: &StrBytes, index: &i32| {
            others.active.get(id).is_some_and(|indexes| indexes.contains_key(index))
        };
        any(&self.active, active)
            || any(&self.standby, |id, index| contains(&others.standby, id, *index))
            || any(&self.warmup, |id, index| contains(&others.warmup, id, *index))
    }

    pub(crate) fn from_target(value: &StreamsGroupTargetAssignmentMemberValue) -> Self {
        let read = |tasks: &[TargetTaskIds]| {
            collect(tasks.iter().map(|task| (&task.subtopology_id, task.partitions.as_slice())))
        };
        Self {
            active: read(&value.active_tasks),
            standby: read(&value.standby_tasks),
            warmup: read(&value.warmup_tasks),
        }
    }

    pub(crate) fn to_target(&self) -> StreamsGroupTargetAssignmentMemberValue {
        let write = |tasks: &Tasks| {
            let task = |(id, indexes): (&StrBytes, &BTreeSet<i32>)| TargetTaskIds {
                subtopology_id: id.clone(),
                partitions: indexes.iter().copied().collect(),
                ..TargetTaskIds::default()
            };
            tasks.iter().map(task).collect()
        };
        StreamsGroupTargetAssignmentMemberValue {
            active_tasks: write(&self.active),
            standby_tasks: write(&self.standby),
            warmup_tasks: write(&self.warmup),
            ..StreamsGroupTargetAssignmentMemberValue::default()
        }
    }
}

impl AssignedTasks {
    pub(crate) fn is_empty(&self) -> bool {
        self.active.is_empty() && self.standby.is_empty() && self.warmup.is_empty()
    }
}

pub(crate) fn contains(tasks: &Tasks, subtopology: &str, index: i32) -> bool {
    tasks.get(subtopology).is_some_and(|indexes| indexes.contains(&index))
}

fn any(tasks: &Tasks, is_there: impl Fn(&StrBytes, &i32) -> bool) -> bool {
    tasks.iter().any(|(id, indexes)| indexes.iter().any(|index| is_there(id, index)))
}

pub(crate) fn from_request(tasks: &[StreamsGroupHeartbeatRequestTaskIds]) -> Tasks {
    collect(tasks.iter().map(|task| (&task.subtopology_id, task.partitions.as_slice())))
}

fn collect<'a>(tasks: impl Iterator<Item = (&'a StrBytes, &'a [i32])>) -> Tasks {
    let mut collected = Tasks::new();
    for (id, indexes) in tasks.filter(|(_, indexes)| !indexes.is_empty()) {
        collected.entry(id.detached()).or_default().extend(indexes);
    }
    collected
}

pub(super) fn read_tasks(tasks: &[TaskIds]) -> Tasks {
    collect(tasks.iter().map(|task| (&task.subtopology_id, task.partitions.as_slice())))
}

pub(super) fn write_tasks(tasks: &Tasks) -> Vec<TaskIds> {
    let task = |(id, indexes): (&StrBytes, &BTreeSet<i32>)| TaskIds {
        subtopology_id: id.clone(),
        partitions: indexes.iter().copied().collect(),
        ..TaskIds::default()
    };
    tasks.iter().map(task).collect()
}

/// Epochs are not written by every version; the member's own is the safe guess.
pub(super) fn read_epoch_tasks(tasks: &[TaskIds], member_epoch: i32) -> EpochTasks {
    let mut collected = EpochTasks::new();
    for task in tasks.iter().filter(|task| !task.partitions.is_empty()) {
        let epochs = task.assignment_epochs.as_deref().filter(|epochs| epochs.len() == task.partitions.len());
        let epoch = |at: usize| epochs.and_then(|epochs| epochs.get(at).copied()).unwrap_or(member_epoch);
        let with_epochs = task.partitions.iter().enumerate().map(|(at, index)| (*index, epoch(at)));
        collected.entry(task.subtopology_id.detached()).or_default().extend(with_epochs);
    }
    collected
}

pub(super) fn write_epoch_tasks(tasks: &EpochTasks) -> Vec<TaskIds> {
    let task = |(id, indexes): (&StrBytes, &BTreeMap<i32, i32>)| TaskIds {
        subtopology_id: id.clone(),
        partitions: indexes.keys().copied().collect(),
        assignment_epochs: Some(indexes.values().copied().collect()),
        ..TaskIds::default()
    };
    tasks.iter().map(task).collect()
}
