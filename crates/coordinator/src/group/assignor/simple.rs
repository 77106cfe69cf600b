//! The assignor of share groups (KIP-932): partitions are shared, so that each member has about as many as any other,
//! and each partition about as many members.
//!
//! A partition is to have as many members as there are members for each partition, rounded up; what that comes to is
//! divided among the members. What a member has stays with it, unless it has too many, or too many have it. Where it is
//! arbitrary who gets what, it is as Kafka's hash tables have it.

use super::{Assignment, Subscriber};
use crate::java_hash::table_order;
use crate::java_table::{JavaHash, JavaTable};
use klamm_protocol::{StrBytes, Uuid};
use std::collections::{BTreeMap, BTreeSet};

#[cfg(test)]
mod tests;

/// The assignor's name.
pub(crate) const NAME: &str = "simple";

/// What is to be assigned in a share group.
#[derive(Clone, Debug, Default)]
pub(crate) struct ShareSpec {
    /// By member id.
    pub(crate) members: BTreeMap<StrBytes, Subscriber>,
    /// The partitions that may be assigned, of all subscribed topics.
    pub(crate) assignable: BTreeMap<Uuid, BTreeSet<i32>>,
    /// All members subscribe to the same topics.
    pub(crate) is_homogeneous: bool,
}

/// Assigns every partition to some of its subscribers. Every member has an entry.
pub(crate) fn assign(spec: &ShareSpec) -> BTreeMap<StrBytes, Assignment> {
    let mut ids: Vec<&StrBytes> = spec.members.keys().collect();
    ids.sort_by_cached_key(|id| table_order(id));
    let mut table = JavaTable::new();
    ids.into_iter().for_each(|id| table.insert(id.clone(), ()));
    let ids: Vec<&StrBytes> = table.keys().collect();
    let subscribers: Vec<&Subscriber> = ids.iter().filter_map(|id| spec.members.get(*id)).collect();
    let assigned = match subscribers.first() {
        None => Vec::new(),
        Some(first) if spec.is_homogeneous => assign_all_topics(spec, &first.topics, &subscribers),
        Some(_) => assign_each_topic(spec, &subscribers),
    };
    let with_partitions = |assignment: Assignment| {
        assignment.into_iter().filter(|(_, partitions)| !partitions.is_empty()).collect()
    };
    ids.into_iter().cloned().zip(assigned.into_iter().map(with_partitions)).collect()
}

/// All members subscribe to the same topics: their partitions are balanced over all of them.
fn assign_all_topics(
    spec: &ShareSpec,
    topics: &BTreeSet<Uuid>,
    subscribers: &[&Subscriber],
) -> Vec<Assignment> {
    if topics.is_empty() {
        return vec![Assignment::new(); subscribers.len()];
    }
    let assignable = topics.iter().filter_map(|topic| Some((topic, spec.assignable.get(topic)?)));
    let targets: Vec<(Uuid, i32)> = assignable
        .flat_map(|(topic, partitions)| partitions.iter().map(move |partition| (*topic, *partition)))
        .collect();
    let everybody: Vec<usize> = (0..subscribers.len()).collect();
    let mut round = Round::new(&targets, &everybody, subscribers.len());
    for (member, subscriber) in subscribers.iter().enumerate() {
        let current = subscriber.current.iter().filter(|(topic, _)| topics.contains(*topic));
        current
            .flat_map(|(topic, partitions)| partitions.iter().map(move |partition| (*topic, *partition)))
            .for_each(|partition| round.keep(member, partition));
    }
    let unfilled = round.unfilled(&everybody);
    round.revoke_overfilled();
    let unfilled = unfilled.into_iter().chain(round.revoke_overshared()).collect();
    round.fill(&targets, unfilled);
    let mut assigned = vec![Assignment::new(); subscribers.len()];
    for (member, (topic, partition)) in round.into_pairs() {
        assigned[member].entry(topic).or_default().insert(partition);
    }
    assigned
}

/// Members subscribe to different topics: each topic's partitions are balanced over its subscribers.
fn assign_each_topic(spec: &ShareSpec, subscribers: &[&Subscriber]) -> Vec<Assignment> {
    let topics: BTreeSet<Uuid> =
        subscribers.iter().flat_map(|subscriber| &subscriber.topics).copied().collect();
    if topics.is_empty() {
        return vec![Assignment::new(); subscribers.len()];
    }
    // What is of no topic of this round stays in the target; who does not subscribe to it is not given it.
    let mut assigned: Vec<Assignment> =
        subscribers.iter().map(|subscriber| subscriber.current.clone()).collect();
    for topic in topics {
        let targets: Vec<i32> = spec.assignable.get(&topic).into_iter().flatten().copied().collect();
        let its: Vec<usize> =
            (0..subscribers.len()).filter(|member| subscribers[*member].topics.contains(&topic)).collect();
        let mut round = Round::new(&targets, &its, subscribers.len());
        for (member, subscriber) in subscribers.iter().enumerate() {
            let current = subscriber.current.get(&topic).into_iter().flatten();
            current.for_each(|partition| round.keep(member, *partition));
            assigned[member].remove(&topic);
        }
        round.revoke_overfilled();
        round.revoke_overshared();
        let unfilled = round.unfilled(&its).into_iter().collect();
        round.fill(&targets, unfilled);
        for (member, partition) in round.into_pairs() {
            assigned[member].entry(topic).or_default().insert(partition);
        }
    }
    assigned
}

type Set<K> = JavaTable<K, ()>;

/// One balancing of partitions over members, which are numbers.
struct Round<K> {
    by_partition: JavaTable<K, Set<i32>>,
    by_member: JavaTable<i32, Set<K>>,
    /// How many members a partition is to have.
    sharing: usize,
    /// How many partitions each member is to have.
    wanted: Vec<usize>,
}

impl<K: JavaHash + Clone> Round<K> {
    fn new(targets: &[K], subscribers: &[usize], members: usize) -> Self {
        let sharing = subscribers.len().div_ceil(targets.len().max(1)) * usize::from(!targets.is_empty());
        let each = (sharing * targets.len()) as f64 / subscribers.len() as f64;
        let up_to = |count: usize| (each * count as f64).ceil() as usize;
        let mut wanted = vec![0; members];
        for (at, member) in subscribers.iter().enumerate() {
            wanted[*member] = up_to(at + 1) - up_to(at);
        }
        Self {
            by_partition: JavaTable::sized_for(targets.len()),
            by_member: JavaTable::sized_for(subscribers.len()),
            sharing,
            wanted,
        }
    }

    fn keep(&mut self, member: usize, partition: K) {
        let key = number(member);
        self.by_partition.get_or_insert_with(partition.clone(), JavaTable::new).insert(key, ());
        self.by_member.get_or_insert_with(key, JavaTable::new).insert(partition, ());
    }

    fn count(&self, member: usize) -> usize {
        let key = number(member);
        self.by_member.get(&key).map_or(0, JavaTable::len)
    }

    fn unfilled(&self, subscribers: &[usize]) -> Vec<usize> {
        subscribers.iter().copied().filter(|member| self.count(*member) < self.wanted[*member]).collect()
    }

    /// Members that have too many partitions lose the first ones.
    fn revoke_overfilled(&mut self) {
        let members: Vec<i32> = self.by_member.keys().copied().collect();
        for member in members {
            let wanted =
                usize::try_from(member).ok().and_then(|at| self.wanted.get(at)).copied().unwrap_or(0);
            let Some(partitions) = self.by_member.get_mut(&member) else { continue };
            let excess = partitions.len().saturating_sub(wanted);
            let revoked: Vec<K> = partitions.keys().take(excess).cloned().collect();
            for partition in revoked {
                partitions.remove(&partition);
                if let Some(members) = self.by_partition.get_mut(&partition) {
                    members.remove(&member);
                }
            }
        }
    }

    /// Partitions that too many have are taken from the first ones. Who that were.
    fn revoke_overshared(&mut self) -> Vec<usize> {
        let mut excess = Vec::new();
        for (partition, members) in self.by_partition.iter() {
            let too_many = members.len().saturating_sub(self.sharing);
            excess.extend(members.keys().take(too_many).map(|member| (partition.clone(), *member)));
        }
        for (partition, member) in &excess {
            if let Some(members) = self.by_partition.get_mut(partition) {
                members.remove(member);
            }
            if let Some(partitions) = self.by_member.get_mut(member) {
                partitions.remove(partition);
            }
        }
        excess.into_iter().filter_map(|(_, member)| usize::try_from(member).ok()).collect()
    }

    /// Gives partitions that have too few members to those who have too few partitions, in turns. A partition that
    /// everybody in question has already stays with fewer.
    fn fill(&mut self, targets: &[K], unfilled: BTreeSet<usize>) {
        for partition in targets {
            self.by_partition.get_or_insert_with(partition.clone(), JavaTable::new);
        }
        let mut turns = Turns { members: unfilled.into_iter().collect(), at: 0, has_given: false };
        for (partition, had) in self.by_partition.iter() {
            let mut needed = self.sharing.saturating_sub(had.len());
            while needed > 0 {
                let Some(member) = turns.next() else { break };
                let key = number(member);
                if had.get(&key).is_some() {
                    continue;
                }
                // Who has only just been given the partition may be given it again, which leaves it with fewer.
                let partitions = self.by_member.get_or_insert_with(key, JavaTable::new);
                partitions.insert(partition.clone(), ());
                needed -= 1;
                turns.has_given = true;
                if partitions.len() >= self.wanted[member] {
                    turns.leave();
                }
            }
            if turns.members.is_empty() {
                break;
            }
        }
    }

    fn into_pairs(self) -> Vec<(usize, K)> {
        let pairs = self.by_member.iter().flat_map(|(member, partitions)| {
            let member = usize::try_from(*member).unwrap_or(0);
            partitions.keys().map(move |partition| (member, partition.clone()))
        });
        pairs.collect()
    }
}

/// Numbers of members are keys of tables.
fn number(member: usize) -> i32 {
    i32::try_from(member).unwrap_or(i32::MAX)
}

/// Members that take turns, until a whole turn gave nothing to anybody.
struct Turns {
    members: Vec<usize>,
    at: usize,
    has_given: bool,
}

impl Turns {
    fn next(&mut self) -> Option<usize> {
        if self.at >= self.members.len() {
            if !self.has_given {
                return None;
            }
            self.at = 0;
            self.has_given = false;
        }
        let next = self.members.get(self.at).copied();
        self.at += 1;
        next
    }

    /// The one whose turn it was has enough.
    fn leave(&mut self) {
        self.at -= 1;
        self.members.remove(self.at);
    }
}
