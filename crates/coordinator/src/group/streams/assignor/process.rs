//! A process of the application with its members: its load is what tasks are spread by.

use super::Task;
use super::java_order::{Heap, hash_map_order};
use std::collections::BTreeSet;

/// A process while tasks are assigned.
pub(super) struct Process<'a> {
    pub(super) id: &'a str,
    /// In the order of their coming.
    pub(super) members: Vec<Member<'a>>,
    tasks: BTreeSet<Task<'a>>,
    task_count: usize,
    /// Members by how many tasks they have; given up when a task goes to a particular one.
    by_load: Option<Heap<(usize, usize)>>,
}

/// A member and its tasks.
pub(super) struct Member<'a> {
    pub(super) id: &'a str,
    pub(super) active: Vec<Task<'a>>,
    pub(super) standby: Vec<Task<'a>>,
}

impl Member<'_> {
    pub(super) const fn count(&self) -> usize {
        self.active.len() + self.standby.len()
    }
}

impl<'a> Process<'a> {
    pub(super) const fn new(id: &'a str) -> Self {
        Self { id, members: Vec::new(), tasks: BTreeSet::new(), task_count: 0, by_load: None }
    }

    pub(super) fn add_member(&mut self, id: &'a str) {
        self.members.push(Member { id, active: Vec::new(), standby: Vec::new() });
    }

    /// Tasks per member.
    #[expect(clippy::cast_precision_loss, reason = "tasks are far fewer than 2^52")]
    pub(super) fn load(&self) -> f64 {
        self.task_count as f64 / self.members.len() as f64
    }

    pub(super) fn has(&self, task: Task<'a>) -> bool {
        self.tasks.contains(&task)
    }

    /// Gives a task to a member; returns how many it has then.
    pub(super) fn add(&mut self, at: usize, task: Task<'a>, is_active: bool) -> usize {
        self.by_load = None;
        self.put(at, task, is_active)
    }

    /// As [`Self::add`], to the member with the fewest tasks; `None` if there is no member.
    pub(super) fn add_to_least_loaded(&mut self, task: Task<'a>, is_active: bool) -> Option<usize> {
        let mut by_load = self.by_load.take().unwrap_or_else(|| self.members_by_load());
        let (_, at) = by_load.pop()?;
        let count = self.put(at, task, is_active);
        by_load.push((count, at));
        self.by_load = Some(by_load);
        Some(count)
    }

    fn put(&mut self, at: usize, task: Task<'a>, is_active: bool) -> usize {
        self.task_count += 1;
        self.tasks.insert(task);
        let member = &mut self.members[at];
        if is_active {
            member.active.push(task)
        } else {
            member.standby.push(task)
        }
        member.count()
    }

    fn members_by_load(&self) -> Heap<(usize, usize)> {
        let entries = self.members.iter().enumerate().map(|(at, member)| (member, at)).collect();
        let mut heap = Heap::new(|one: &(usize, usize), other| one.0 < other.0);
        for (member, at) in hash_map_order(entries, |(member, _): &(&Member<'_>, usize)| member.id, 16) {
            heap.push((member.count(), at));
        }
        heap
    }
}
