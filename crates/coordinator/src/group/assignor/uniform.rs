//! The uniform assignor.

use super::{Assignment, GroupSpec};
use klamm_protocol::{StrBytes, Uuid};
use std::collections::{BTreeMap, BTreeSet};

type Partition = (Uuid, i32);

/// Members keep what they have as far as it fits into their share; the rest goes to whoever has least; then partitions
/// move from those who have more to those who have less, until no move makes it more even.
pub(super) fn assign(group: &GroupSpec) -> BTreeMap<StrBytes, Assignment> {
    let mut loads: Loads = group.members.keys().map(|id| (id.clone(), BTreeSet::new())).collect();
    let mut free = all_partitions(group);
    let even_share = free.len().div_ceil(group.members.len().max(1));
    keep(group, &mut loads, &mut free, even_share);
    // Partitions with few possible owners go first.
    let mut free: Vec<Partition> = free.into_iter().collect();
    free.sort_by_key(|(topic, _)| subscribers(group, *topic).count());
    for partition in free {
        let owner = subscribers(group, partition.0).min_by_key(|id| loads.get(*id).map_or(0, BTreeSet::len));
        if let Some(owned) = owner.and_then(|owner| loads.get_mut(owner)) {
            owned.insert(partition);
        }
    }
    balance(group, &mut loads);
    loads.into_iter().map(|(id, owned)| (id, by_topic(owned))).collect()
}

type Loads = BTreeMap<StrBytes, BTreeSet<Partition>>;

fn all_partitions(group: &GroupSpec) -> BTreeSet<Partition> {
    let subscribed =
        group.partition_counts.iter().filter(|(topic, _)| subscribers(group, **topic).next().is_some());
    subscribed.flat_map(|(topic, count)| (0..*count).map(move |index| (*topic, index))).collect()
}

fn subscribers(group: &GroupSpec, topic: Uuid) -> impl Iterator<Item = &StrBytes> {
    group.members.iter().filter(move |(_, member)| member.topics.contains(&topic)).map(|(id, _)| id)
}

fn keep(group: &GroupSpec, loads: &mut Loads, free: &mut BTreeSet<Partition>, most: usize) {
    for (id, member) in &group.members {
        let Some(owned) = loads.get_mut(id) else { continue };
        let current = member.current.iter().filter(|(topic, _)| member.topics.contains(*topic));
        for partition in
            current.flat_map(|(topic, indexes)| indexes.iter().map(move |index| (*topic, *index)))
        {
            if owned.len() < most && free.remove(&partition) {
                owned.insert(partition);
            }
        }
    }
}

/// Each move makes the sum of the squares of the loads smaller, so this ends.
fn balance(group: &GroupSpec, loads: &mut Loads) {
    while let Some((from, partition, to)) = better_move(group, loads) {
        if let Some(owned) = loads.get_mut(&from) {
            owned.remove(&partition);
        }
        if let Some(owned) = loads.get_mut(&to) {
            owned.insert(partition);
        }
    }
}

fn better_move(group: &GroupSpec, loads: &Loads) -> Option<(StrBytes, Partition, StrBytes)> {
    let mut by_load: Vec<(&StrBytes, &BTreeSet<Partition>)> = loads.iter().collect();
    by_load.sort_by_key(|(_, owned)| owned.len());
    for (to, owned) in &by_load {
        let Some(receiver) = group.members.get(*to) else { continue };
        for (from, theirs) in by_load.iter().rev() {
            if theirs.len() < owned.len() + 2 {
                break;
            }
            // The last ones move, so that what a member has from the start stays.
            if let Some(partition) = theirs.iter().rev().find(|(topic, _)| receiver.topics.contains(topic)) {
                return Some(((*from).clone(), *partition, (*to).clone()));
            }
        }
    }
    None
}

fn by_topic(owned: BTreeSet<Partition>) -> Assignment {
    let mut assignment = Assignment::new();
    for (topic, index) in owned {
        assignment.entry(topic).or_default().insert(index);
    }
    assignment
}
