//! Who owned which partition of a group when, as its members see it.

use std::collections::BTreeMap;

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
    /// Partition, generation and member of the last record that was given.
    last: BTreeMap<TopicPartition, (i32, String)>,
    by_generation: BTreeMap<(TopicPartition, i32), String>,
    /// The largest offset whose commit was answered.
    committed: BTreeMap<TopicPartition, i64>,
    /// What cannot be.
    pub contradictions: Vec<String>,
}

impl Owners {
    /// A member was given a record.
    pub fn given(&mut self, given: &Given) {
        let Given { at, generation, member, offset } = given;
        let owner = self.by_generation.entry((at.clone(), *generation)).or_insert_with(|| member.clone());
        if owner != member {
            self.contradictions
                .push(format!("{at}: in generation {generation} {owner} owns it, and {member} reads it"));
        }
        let now = (*generation, member.clone());
        let is_new = self.last.insert(at.clone(), now.clone()).is_none_or(|before| before != now);
        let committed = self.committed.get(at).copied().unwrap_or(0);
        if is_new && *offset < committed {
            self.contradictions.push(format!(
                "{at}: {member} begins at {offset} in generation {generation}, {committed} was committed"
            ));
        }
    }

    /// A commit was answered.
    pub fn committed(&mut self, at: &TopicPartition, offset: i64) {
        let before = self.committed.entry(at.clone()).or_insert(0);
        *before = offset.max(*before);
    }
}
