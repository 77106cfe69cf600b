//! Balanced assignments that move as few partitions as possible.

use std::collections::{BTreeMap, BTreeSet};

use super::{Assignment, Member};
use crate::TopicPartition;

/// Keeps what members own, gives the rest to those with least, then moves partitions from those with most until no move
/// makes it more even.
pub(super) fn assign(topics: &BTreeMap<String, i32>, members: &[Member]) -> Assignment {
    let mut plan = Plan::new(topics, members);
    let owned = owners(members);
    let mut free = Vec::new();
    for (topic, count) in topics {
        for partition in 0..*count {
            let partition = TopicPartition::new(topic.as_str(), partition);
            match owned.get(&partition).copied().filter(|owner| plan.may_have(*owner, topic)) {
                Some(owner) => plan.give(partition, owner),
                None => free.push(partition),
            }
        }
    }
    for partition in free {
        if let Some(taker) = plan.least_loaded(&partition.topic) {
            plan.give(partition, taker);
        }
    }
    plan.even_out();
    plan.into_assignment(members)
}

/// Takes out of an assignment what another member still owns: it is assigned once that member has given it up, in the
/// rebalance that follows (KIP-429).
pub(super) fn withhold_moving(mut assignment: Assignment, members: &[Member]) -> Assignment {
    let owned = owners(members);
    for (index, member) in members.iter().enumerate() {
        if let Some(partitions) = assignment.get_mut(&member.id) {
            partitions.retain(|partition| owned.get(partition).is_none_or(|owner| *owner == index));
        }
    }
    assignment
}

/// Who owns which partition, by the member's place. Of two claims the later generation's holds; of two of the same
/// generation neither does, since one of them must be wrong.
fn owners(members: &[Member]) -> BTreeMap<TopicPartition, usize> {
    let mut claims: BTreeMap<&TopicPartition, (i32, Option<usize>)> = BTreeMap::new();
    for (index, member) in members.iter().enumerate() {
        for partition in &member.owned {
            let claim = claims.entry(partition).or_insert((i32::MIN, None));
            match member.generation.cmp(&claim.0) {
                std::cmp::Ordering::Greater => *claim = (member.generation, Some(index)),
                std::cmp::Ordering::Equal => claim.1 = None,
                std::cmp::Ordering::Less => {}
            }
        }
    }
    claims.into_iter().filter_map(|(partition, (_, owner))| Some((partition.clone(), owner?))).collect()
}

struct Plan {
    /// Members that want each topic.
    takers: BTreeMap<String, Vec<usize>>,
    held: Vec<BTreeSet<TopicPartition>>,
}

impl Plan {
    fn new(topics: &BTreeMap<String, i32>, members: &[Member]) -> Self {
        let takers = topics
            .keys()
            .map(|topic| {
                let takers = (0..members.len()).filter(|index| members[*index].topics.contains(topic));
                (topic.clone(), takers.collect())
            })
            .collect();
        Self { takers, held: vec![BTreeSet::new(); members.len()] }
    }

    fn takers(&self, topic: &str) -> &[usize] {
        self.takers.get(topic).map_or(&[], Vec::as_slice)
    }

    fn may_have(&self, member: usize, topic: &str) -> bool {
        self.takers(topic).contains(&member)
    }

    fn give(&mut self, partition: TopicPartition, member: usize) {
        self.held[member].insert(partition);
    }

    fn least_loaded(&self, topic: &str) -> Option<usize> {
        self.takers(topic).iter().copied().min_by_key(|member| self.held[*member].len())
    }

    /// Every move takes from a member that has at least two more than the one it gives to, so that it ends.
    fn even_out(&mut self) {
        loop {
            let mut moved = false;
            let mut by_load: Vec<usize> = (0..self.held.len()).collect();
            by_load.sort_by_key(|member| std::cmp::Reverse(self.held[*member].len()));
            for from in by_load {
                let partitions: Vec<TopicPartition> = self.held[from].iter().rev().cloned().collect();
                for partition in partitions {
                    let Some(to) = self.least_loaded(&partition.topic) else { continue };
                    if self.held[from].len() < self.held[to].len() + 2 {
                        continue;
                    }
                    self.held[from].remove(&partition);
                    self.held[to].insert(partition);
                    moved = true;
                }
            }
            if !moved {
                return;
            }
        }
    }

    fn into_assignment(self, members: &[Member]) -> Assignment {
        members
            .iter()
            .zip(self.held)
            .map(|(member, held)| (member.id.clone(), held.into_iter().collect()))
            .collect()
    }
}
