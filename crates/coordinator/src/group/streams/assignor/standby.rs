//! Standbys.

use super::java_order::Heap;
use super::{Assigning, Task};
use std::cmp::Reverse;

impl<'a> Assigning<'a> {
    pub(super) fn assign_standby(&mut self, mut tasks: Vec<Task<'a>>) {
        tasks.sort_by_key(|(subtopology, index)| Reverse((*index, *subtopology)));
        let mut left: Vec<(Task<'a>, usize)> = Vec::new();
        for task in tasks {
            for copy in 0..self.standby_count {
                if !self.keeps_standby(task) {
                    left.push((task, self.standby_count - copy));
                    break;
                }
            }
        }
        left.sort_by_key(|(task, _)| Reverse(*task));
        let mut by_load = self.processes_by_load();
        for (task, copies) in left {
            for _ in 0..copies {
                if !self.give_standby(&mut by_load, task) {
                    // There are not enough processes.
                    break;
                }
            }
        }
    }

    /// Gives a standby to who worked on the task, or had a standby of it.
    fn keeps_standby(&mut self, task: Task<'a>) -> bool {
        let worked =
            self.last_active.get(&task).copied().filter(|(place, _)| !self.processes[*place].has(task));
        for before in [worked, self.least_loaded_of(self.last_standby.get(&task), Some(task))] {
            let Some((place, at)) = before else { continue };
            if self.processes[place].members[at].count() < self.total_quota.per_member {
                let count = self.processes[place].add(at, task, false);
                self.total_quota.note(count);
                return true;
            }
        }
        false
    }

    /// Gives a standby to the process with the least load that does not have the task.
    fn give_standby(&mut self, by_load: &mut Heap<(f64, usize)>, task: Task<'a>) -> bool {
        let mut passed_over = Vec::new();
        let mut is_given = false;
        while let Some((load, place)) = by_load.pop() {
            if self.processes[place].has(task) {
                passed_over.push((load, place));
                continue;
            }
            if let Some(count) = self.processes[place].add_to_least_loaded(task, false) {
                self.total_quota.note(count);
                is_given = true;
            }
            by_load.push((self.processes[place].load(), place));
            break;
        }
        passed_over.into_iter().rev().for_each(|entry| by_load.push(entry));
        is_given
    }
}
