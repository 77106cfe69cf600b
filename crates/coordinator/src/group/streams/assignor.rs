//! Which member is to work on which task, as Kafka's sticky task assignor decides.
//!
//! A task stays where it was, goes to where a standby of it was, or to the process with the least load; standbys are
//! spread likewise, never into a process that has the task already. Where Kafka goes through a hash table, so does this,
//! in the same order, so that both decide alike.

mod java_order;
mod process;
mod standby;

#[cfg(test)]
mod tests;

use super::tasks::{TaskSets, Tasks};
use java_order::{Heap, hash_map_order};
use klamm_protocol::StrBytes;
use process::Process;
use std::collections::BTreeMap;

pub(super) use java_order::hash_map_order as kafka_order;

/// A subtopology to be worked on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Workload {
    pub(super) id: StrBytes,
    pub(super) task_count: i32,
    /// Only tasks with state have standbys.
    pub(super) is_stateful: bool,
}

/// A member that tasks may go to.
#[derive(Clone, Debug, Default)]
pub(super) struct Worker {
    pub(super) id: StrBytes,
    pub(super) process: StrBytes,
    /// Its last target.
    pub(super) last: TaskSets,
}

/// Subtopology and partition.
type Task<'a> = (&'a str, i32);

/// A member, by its process and its place there.
type Seat = (usize, usize);

/// What is assigned, and how much more may be.
struct Assigning<'a> {
    standby_count: usize,
    processes: Vec<Process<'a>>,
    last_active: BTreeMap<Task<'a>, Seat>,
    last_standby: BTreeMap<Task<'a>, Vec<Seat>>,
    active_quota: Quota,
    total_quota: Quota,
}

/// How many tasks each member may have so that all get about the same.
#[derive(Clone, Copy)]
struct Quota {
    tasks: usize,
    members: usize,
    per_member: usize,
}

impl Quota {
    const fn new(tasks: usize, members: usize) -> Self {
        let per_member = if members == 0 { 0 } else { tasks.div_ceil(members) };
        Self { tasks, members, per_member }
    }

    /// A member that has reached the quota takes its tasks out of the reckoning.
    const fn note(&mut self, member_tasks: usize) {
        if member_tasks == self.per_member {
            *self = Self::new(self.tasks.saturating_sub(member_tasks), self.members.saturating_sub(1));
        }
    }
}

/// Assigns all tasks of `workloads`, which are in the order of their ids. `workers` are in the order in which Kafka's
/// coordinator would insert them into its table.
pub(super) fn assign(
    workloads: &[Workload],
    workers: Vec<Worker>,
    standby_count: usize,
) -> BTreeMap<StrBytes, TaskSets> {
    let workers = hash_map_order(workers, |worker| &worker.id, 16);
    let mut assigning = Assigning::new(workloads, &workers, standby_count);
    let tasks = |only_stateful: bool| -> Vec<Task<'_>> {
        let wanted = workloads.iter().filter(|one| one.is_stateful || !only_stateful);
        wanted.flat_map(|one| (0..one.task_count).map(|index| (one.id.as_str(), index))).collect()
    };
    assigning.assign_active(tasks(false));
    if standby_count > 0 {
        assigning.assign_standby(tasks(true));
    }
    let mut assigned: BTreeMap<StrBytes, TaskSets> =
        workers.iter().map(|worker| (worker.id.clone(), TaskSets::default())).collect();
    for member in assigning.processes.iter().flat_map(|process| &process.members) {
        if let Some(sets) = assigned.get_mut(member.id) {
            *sets = TaskSets {
                active: collect(&member.active),
                standby: collect(&member.standby),
                warmup: Tasks::new(),
            };
        }
    }
    assigned
}

fn collect(tasks: &[Task<'_>]) -> Tasks {
    let mut collected = Tasks::new();
    for (subtopology, index) in tasks {
        match collected.get_mut(*subtopology) {
            Some(indexes) => drop(indexes.insert(*index)),
            None => drop(collected.insert(StrBytes::from(*subtopology), [*index].into())),
        }
    }
    collected
}

impl<'a> Assigning<'a> {
    fn new(workloads: &[Workload], workers: &'a [Worker], standby_count: usize) -> Self {
        let mut active = 0_usize;
        let mut standby = 0_usize;
        for workload in workloads {
            let count = usize::try_from(workload.task_count).unwrap_or(0);
            active += count;
            standby += if workload.is_stateful { count * standby_count } else { 0 };
        }
        let mut processes: Vec<Process<'a>> = Vec::new();
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        for worker in workers {
            let place = *places.entry(worker.process.as_str()).or_insert_with(|| {
                processes.push(Process::new(&worker.process));
                processes.len() - 1
            });
            processes[place].add_member(&worker.id);
        }
        let processes = hash_map_order(processes, |process| process.id, workers.len());
        let mut assigning = Self {
            standby_count,
            processes,
            last_active: BTreeMap::new(),
            last_standby: BTreeMap::new(),
            active_quota: Quota::new(active, workers.len()),
            total_quota: Quota::new(active + standby, workers.len()),
        };
        assigning.remember(workers);
        assigning
    }

    /// Notes where tasks were.
    fn remember(&mut self, workers: &'a [Worker]) {
        let mut seats: BTreeMap<&str, Seat> = BTreeMap::new();
        for (place, process) in self.processes.iter().enumerate() {
            for (at, member) in process.members.iter().enumerate() {
                seats.insert(member.id, (place, at));
            }
        }
        for worker in workers {
            let Some(seat) = seats.get(worker.id.as_str()) else { continue };
            for (id, indexes) in &worker.last.active {
                self.last_active.extend(indexes.iter().map(|index| ((id.as_str(), *index), *seat)));
            }
            for (id, indexes) in &worker.last.standby {
                for index in indexes {
                    self.last_standby.entry((id.as_str(), *index)).or_default().push(*seat);
                }
            }
        }
    }

    fn assign_active(&mut self, mut tasks: Vec<Task<'a>>) {
        // Tasks of the same partition were assigned one after the other.
        tasks.sort_by_key(|(subtopology, index)| (*index, *subtopology));
        tasks.retain(|task| {
            let before = self.last_active.get(task).copied();
            !self.keeps_active(before, *task)
        });
        tasks.retain(|task| {
            let before = self.least_loaded_of(self.last_standby.get(task), None);
            !self.keeps_active(before, *task)
        });
        tasks.sort_unstable();
        let mut by_load = self.processes_by_load();
        for task in tasks {
            let Some((_, place)) = by_load.pop() else { return };
            let process = &mut self.processes[place];
            if let Some(count) = process.add_to_least_loaded(task, true) {
                self.active_quota.note(count);
                self.total_quota.note(count);
            }
            by_load.push((self.processes[place].load(), place));
        }
    }

    /// Gives an active task to who had it in some way, if that one may have more.
    fn keeps_active(&mut self, before: Option<Seat>, task: Task<'a>) -> bool {
        let Some((place, at)) = before else { return false };
        if self.processes[place].members[at].count() >= self.active_quota.per_member {
            return false;
        }
        let count = self.processes[place].add(at, task, true);
        self.active_quota.note(count);
        self.total_quota.note(count);
        true
    }

    /// Of those that had a task the one with the least load. The one in the first place is asked alone whether its process
    /// has the task in the end, as in Kafka.
    fn least_loaded_of(&self, seats: Option<&Vec<Seat>>, unless_has: Option<Task<'a>>) -> Option<Seat> {
        let (first, rest) = seats?.split_first()?;
        let has = |place: usize| unless_has.is_some_and(|task| self.processes[place].has(task));
        let count = |(place, at): Seat| self.processes[place].members[at].count();
        let mut best = *first;
        let mut best_load = self.processes[best.0].load();
        for seat in rest {
            let load = self.processes[seat.0].load();
            if load < best_load && !has(seat.0) && count(*seat) < count(best) {
                best = *seat;
                best_load = load;
            }
        }
        (!has(first.0)).then_some(best)
    }

    fn processes_by_load(&self) -> Heap<(f64, usize)> {
        let mut heap = Heap::new(|one: &(f64, usize), other| one.0 < other.0);
        for (place, process) in self.processes.iter().enumerate() {
            heap.push((process.load(), place));
        }
        heap
    }
}
