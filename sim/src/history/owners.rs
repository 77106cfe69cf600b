//! Who owned which partition of a group when, as its members see it.

use std::collections::{BTreeMap, BTreeSet};

use klamm_client::TopicPartition;

/// A record that a member was given.
#[derive(Clone, Debug)]
pub struct Given {
    /// The partition.
    pub at: TopicPartition,
    /// The generation of the group, or the member's epoch.
    pub generation: i32,
    /// The member.
    pub member: String,
    /// The record's offset.
    pub offset: i64,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Owners {
    /// The newest generation in which a record of a partition was given.
    newest: BTreeMap<TopicPartition, i32>,
    by_generation: BTreeMap<(TopicPartition, i32), String>,
    /// Whether generations may count from the start again: a group that nobody is left in goes when somebody comes who is of
    /// the other protocol, as Kafka's does.
    pub may_restart: bool,
    /// Who had a partition in a generation before it had another owner there.
    replaced: BTreeSet<(TopicPartition, i32, String)>,
    /// The largest offset whose commit was answered.
    committed: BTreeMap<TopicPartition, i64>,
    /// What cannot be.
    pub contradictions: Vec<String>,
}

impl Owners {
    /// A member has a partition in a generation.
    pub fn owned(&mut self, at: &TopicPartition, generation: i32, member: &str) {
        let owner = self.by_generation.entry((at.clone(), generation)).or_insert_with(|| member.to_owned());
        if owner == member || self.replaced.contains(&(at.clone(), generation, member.to_owned())) {
            return;
        }
        if self.may_restart {
            let before = std::mem::replace(owner, member.to_owned());
            self.replaced.insert((at.clone(), generation, before));
        } else {
            self.contradictions
                .push(format!("{at}: in generation {generation} {owner} owns it, and {member} has it"));
        }
    }

    /// A member was given a record.
    pub fn given(&mut self, given: &Given) {
        let Given { at, generation, member, offset } = given;
        self.owned(at, *generation, member);
        // One that has not heard of its successor goes on from where it was, and its commits are refused.
        let newest = self.newest.entry(at.clone()).or_insert(i32::MIN);
        if generation <= newest {
            return;
        }
        *newest = *generation;
        let committed = self.committed.get(at).copied().unwrap_or(0);
        if *offset < committed {
            self.contradictions.push(format!(
                "{at}: {member} begins at {offset} in generation {generation}, {committed} was committed"
            ));
        }
    }

    /// A commit was answered.
    pub fn committed(&mut self, at: &TopicPartition, offset: i64, (generation, member): (i32, &str)) {
        if self.replaced.contains(&(at.clone(), generation, member.to_owned())) {
            self.contradictions.push(format!(
                "{at}: {member} commits in generation {generation}, in which another has it since"
            ));
        }
        let before = self.committed.entry(at.clone()).or_insert(0);
        *before = offset.max(*before);
    }
}
