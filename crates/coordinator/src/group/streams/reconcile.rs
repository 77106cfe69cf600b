//! Leading one member from what it has to what it is to have.
//!
//! A member first gives up what is not its any more, and only then gets the epoch of the target and the tasks that are
//! free. An active task is free when nobody works on it; a process may have a task in one role only.

use super::StreamsGroup;
use super::member::{Member, MemberState};
use super::tasks::{AssignedTasks, EpochTasks, TaskSets, Tasks, contains};
use klamm_protocol::StrBytes;
use std::collections::{BTreeMap, BTreeSet};

/// Where a member is to go.
pub(super) struct Goal<'a> {
    pub(super) epoch: i32,
    pub(super) target: &'a TaskSets,
    /// What the member says it has; `None` if it does not say.
    pub(super) reported: Option<&'a TaskSets>,
    pub(super) holders: &'a Holders,
}

/// Who has tasks, be it that they are to give them up.
pub(super) struct Holders {
    /// Active tasks of anybody.
    active: Tasks,
    /// Tasks of the member's process, in any role.
    of_process: Tasks,
    /// Standby and warm-up tasks of the member's process.
    copies_of_process: Tasks,
}

impl Holders {
    pub(super) fn new(group: &StreamsGroup, process: &str) -> Self {
        let mut holders =
            Self { active: Tasks::new(), of_process: Tasks::new(), copies_of_process: Tasks::new() };
        for member in group.members.values() {
            let is_of_process = *member.process_id == *process;
            for tasks in [&member.assigned, &member.pending_revocation] {
                for (id, indexes) in &tasks.active {
                    add(&mut holders.active, id, indexes.keys());
                    if is_of_process {
                        add(&mut holders.of_process, id, indexes.keys());
                    }
                }
                if is_of_process {
                    for (id, indexes) in tasks.standby.iter().chain(&tasks.warmup) {
                        add(&mut holders.of_process, id, indexes.iter());
                        add(&mut holders.copies_of_process, id, indexes.iter());
                    }
                }
            }
        }
        holders
    }
}

fn add<'a>(tasks: &mut Tasks, id: &StrBytes, indexes: impl Iterator<Item = &'a i32>) {
    let indexes: BTreeSet<i32> = indexes.copied().collect();
    if !indexes.is_empty() {
        tasks.entry(id.clone()).or_default().extend(indexes);
    }
}

impl Goal<'_> {
    /// The member after this step; `None` if it has to be fenced.
    pub(super) fn step(&self, member: &Member) -> Option<Member> {
        match member.state {
            MemberState::Stable if member.epoch == self.epoch => Some(member.clone()),
            MemberState::UnrevokedTasks if self.still_has(&member.pending_revocation) => Some(member.clone()),
            MemberState::UnrevokedTasks => Some(self.advance(member, member.epoch.saturating_add(1))),
            MemberState::Stable | MemberState::UnreleasedTasks => Some(self.advance(member, member.epoch)),
            MemberState::Unknown if self.reported.is_some_and(TaskSets::is_empty) => {
                Some(self.advance(member, self.epoch))
            }
            MemberState::Unknown => None,
        }
    }

    /// Who does not say what it has is taken to have it all.
    fn still_has(&self, tasks: &AssignedTasks) -> bool {
        self.reported.is_none_or(|reported| reported.has_any_of(tasks))
    }

    fn advance(&self, member: &Member, epoch: i32) -> Member {
        let holders = self.holders;
        let mut kept = AssignedTasks::default();
        let mut revoked = AssignedTasks::default();
        split_active(&member.assigned.active, &self.target.active, (&mut kept.active, &mut revoked.active));
        split(&member.assigned.standby, &self.target.standby, (&mut kept.standby, &mut revoked.standby));
        split(&member.assigned.warmup, &self.target.warmup, (&mut kept.warmup, &mut revoked.warmup));
        let mut next = Member { previous_epoch: member.epoch, epoch, ..member.clone() };
        if !revoked.is_empty() && self.still_has(&revoked) {
            next.state = MemberState::UnrevokedTasks;
            next.assigned = kept;
            next.pending_revocation = revoked;
            return next;
        }
        let mut is_waiting = false;
        for (id, indexes) in &self.target.active {
            let has = |index: &i32| kept.active.get(id).is_some_and(|kept| kept.contains_key(index));
            let missing: Vec<i32> = indexes.iter().copied().filter(|index| !has(index)).collect();
            for index in missing {
                let is_held =
                    contains(&holders.active, id, index) || contains(&holders.copies_of_process, id, index);
                if is_held {
                    is_waiting = true;
                } else {
                    kept.active.entry(id.clone()).or_default().insert(index, self.epoch);
                }
            }
        }
        let copies = [(&self.target.standby, &mut kept.standby), (&self.target.warmup, &mut kept.warmup)];
        for (target, kept) in copies {
            for (id, indexes) in target {
                for index in indexes {
                    if contains(kept, id, *index) {
                        continue;
                    }
                    if contains(&holders.of_process, id, *index) {
                        is_waiting = true;
                    } else {
                        kept.entry(id.clone()).or_default().insert(*index);
                    }
                }
            }
        }
        next.epoch = self.epoch;
        next.state = if is_waiting { MemberState::UnreleasedTasks } else { MemberState::Stable };
        next.assigned = kept;
        next.pending_revocation = AssignedTasks::default();
        next
    }
}

fn split_active(has: &EpochTasks, target: &Tasks, (kept, revoked): (&mut EpochTasks, &mut EpochTasks)) {
    for (id, indexes) in has {
        let (stay, go): (BTreeMap<i32, i32>, BTreeMap<i32, i32>) =
            indexes.iter().partition(|(index, _)| contains(target, id, **index));
        for (indexes, to) in [(stay, &mut *kept), (go, &mut *revoked)] {
            if !indexes.is_empty() {
                to.insert(id.clone(), indexes);
            }
        }
    }
}

fn split(has: &Tasks, target: &Tasks, (kept, revoked): (&mut Tasks, &mut Tasks)) {
    for (id, indexes) in has {
        let (stay, go): (BTreeSet<i32>, BTreeSet<i32>) =
            indexes.iter().partition(|index| contains(target, id, **index));
        for (indexes, to) in [(stay, &mut *kept), (go, &mut *revoked)] {
            if !indexes.is_empty() {
                to.insert(id.clone(), indexes);
            }
        }
    }
}
