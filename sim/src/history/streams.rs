//! What members of a streams group have, as they see it.

use std::collections::{BTreeMap, BTreeSet};

use klamm_client::TopicPartition;

use super::{Given, Owners};

/// Subtopology and partition.
pub type Task = (String, i32);

/// See the module.
#[derive(Debug, Default)]
pub struct Streams {
    /// Who had which task, and which partition of the source topic.
    pub owners: Owners,
    /// What was read of the source topic.
    pub read: BTreeMap<TopicPartition, BTreeSet<i64>>,
    /// Tasks that somebody had.
    pub tasks: BTreeSet<Task>,
    /// Tasks that a member has in two roles.
    pub twice: Vec<String>,
}

impl Streams {
    /// A member has these tasks in its epoch, and keeps copies of the state of the others.
    pub fn has(&mut self, member: &str, epoch: i32, active: &BTreeSet<Task>, standby: &BTreeSet<Task>) {
        for task in active {
            let (subtopology, index) = task;
            self.owners.owned(&TopicPartition::new(format!("task-{subtopology}"), *index), epoch, member);
            self.tasks.insert(task.clone());
        }
        for task in active.intersection(standby) {
            self.twice.push(format!("{member} has task {task:?} in epoch {epoch} active and standby"));
        }
    }

    /// A member was given a record.
    pub fn given(&mut self, given: &Given) {
        self.owners.given(given);
        self.read.entry(given.at.clone()).or_default().insert(given.offset);
    }
}
