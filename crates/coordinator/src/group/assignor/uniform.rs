//! The uniform assignor.
//!
//! Groups may have thousands of members, most of which subscribe to the same: members are looked at by what they
//! subscribe to, so that the work does not grow with members times partitions.

use super::{Assignment, GroupSpec, Subscriber};
use klamm_protocol::{StrBytes, Uuid};
use std::collections::{BTreeMap, BTreeSet};

/// Members keep what they have; what nobody has goes to whoever has least; then partitions move from those who have more
/// to those who have less, until no single move makes it more even.
pub(super) fn assign(group: &GroupSpec) -> BTreeMap<StrBytes, Assignment> {
    let mut work = Work::new(group);
    let mut free = work.keep();
    // Partitions with few possible owners go first.
    free.sort_by_key(|(topic, _)| work.subscriber_count(*topic));
    for (topic, index) in free {
        work.give_to_least(topic, index);
    }
    work.balance();
    work.members.into_iter().zip(work.owned).map(|((id, _), owned)| (id.clone(), owned)).collect()
}

/// Members with one subscription.
struct Peers<'a> {
    topics: &'a BTreeSet<Uuid>,
    /// Load and member, the least loaded first.
    by_load: BTreeSet<(usize, usize)>,
}

/// Members are numbers here, in the order of their ids.
struct Work<'a> {
    group: &'a GroupSpec,
    members: Vec<(&'a StrBytes, &'a Subscriber)>,
    peers: Vec<Peers<'a>>,
    /// The peers that a member is one of.
    peers_of: Vec<usize>,
    /// The peers that subscribe to a topic.
    subscribed: BTreeMap<Uuid, Vec<usize>>,
    owned: Vec<Assignment>,
    /// How many partitions a member has.
    loads: Vec<usize>,
    by_load: BTreeSet<(usize, usize)>,
}

impl<'a> Work<'a> {
    fn new(group: &'a GroupSpec) -> Self {
        let members: Vec<_> = group.members.iter().collect();
        let mut peers: Vec<Peers<'_>> = Vec::new();
        let mut known: BTreeMap<&BTreeSet<Uuid>, usize> = BTreeMap::new();
        let mut peers_of = Vec::with_capacity(members.len());
        for (at, (_, member)) in members.iter().enumerate() {
            let class = *known.entry(&member.topics).or_insert_with(|| {
                peers.push(Peers { topics: &member.topics, by_load: BTreeSet::new() });
                peers.len() - 1
            });
            peers[class].by_load.insert((0, at));
            peers_of.push(class);
        }
        let mut subscribed: BTreeMap<Uuid, Vec<usize>> = BTreeMap::new();
        for (class, peers) in peers.iter().enumerate() {
            for topic in peers.topics.iter().filter(|topic| group.partition_counts.contains_key(topic)) {
                subscribed.entry(*topic).or_default().push(class);
            }
        }
        Self {
            group,
            peers,
            peers_of,
            subscribed,
            owned: vec![Assignment::new(); members.len()],
            loads: vec![0; members.len()],
            by_load: (0..members.len()).map(|at| (0, at)).collect(),
            members,
        }
    }

    fn subscriber_count(&self, topic: Uuid) -> usize {
        let classes = self.subscribed.get(&topic).into_iter().flatten();
        classes.map(|class| self.peers[*class].by_load.len()).sum()
    }

    fn set_load(&mut self, member: usize, load: usize) {
        let before = std::mem::replace(&mut self.loads[member], load);
        for by_load in [&mut self.by_load, &mut self.peers[self.peers_of[member]].by_load] {
            by_load.remove(&(before, member));
            by_load.insert((load, member));
        }
    }

    fn give(&mut self, member: usize, topic: Uuid, index: i32) {
        self.owned[member].entry(topic).or_default().insert(index);
        self.set_load(member, self.loads[member] + 1);
    }

    /// Gives members what they have and still subscribe to. What nobody has is left.
    fn keep(&mut self) -> Vec<(Uuid, i32)> {
        let counts = self.subscribed.keys().map(|topic| (*topic, self.group.partition_counts[topic]));
        let mut free: BTreeMap<Uuid, Vec<bool>> =
            counts.map(|(topic, count)| (topic, vec![true; usize::try_from(count).unwrap_or(0)])).collect();
        for at in 0..self.members.len() {
            let member = self.members[at].1;
            let current = member.current.iter().filter(|(topic, _)| member.topics.contains(*topic));
            for (topic, index) in
                current.flat_map(|(topic, indexes)| indexes.iter().map(move |index| (topic, *index)))
            {
                let Some(flags) = free.get_mut(topic) else { continue };
                let flag = usize::try_from(index).ok().and_then(|index| flags.get_mut(index));
                if let Some(flag) = flag.filter(|is_free| **is_free) {
                    *flag = false;
                    self.give(at, *topic, index);
                }
            }
        }
        let left = free.into_iter().flat_map(|(topic, flags)| {
            let indexes = (0_i32..).zip(flags).filter(|(_, is_free)| *is_free);
            indexes.map(move |(index, _)| (topic, index))
        });
        left.collect()
    }

    fn give_to_least(&mut self, topic: Uuid, index: i32) {
        let classes = self.subscribed.get(&topic).into_iter().flatten();
        let least = classes.filter_map(|class| self.peers[*class].by_load.first()).min();
        if let Some((_, member)) = least.copied() {
            self.give(member, topic, index);
        }
    }

    /// Each move makes the sum of the squares of the loads smaller, so this ends.
    fn balance(&mut self) {
        let mut has_moved = true;
        while std::mem::take(&mut has_moved) {
            for class in 0..self.peers.len() {
                while let Some((from, topic, to)) = self.better_move(class) {
                    has_moved = true;
                    self.move_one(from, topic, to);
                }
            }
        }
    }

    /// If the least loaded of some peers has nothing to gain, neither have the others.
    fn better_move(&self, class: usize) -> Option<(usize, Uuid, usize)> {
        let peers = &self.peers[class];
        let (least, to) = *peers.by_load.first()?;
        let richer = self.by_load.iter().rev().take_while(|(load, _)| *load >= least + 2);
        richer.into_iter().find_map(|(_, from)| {
            // The last ones move, so that what a member has from the start stays.
            let topic = self.owned[*from].keys().rev().find(|topic| peers.topics.contains(topic))?;
            Some((*from, *topic, to))
        })
    }

    fn move_one(&mut self, from: usize, topic: Uuid, to: usize) {
        let Some(indexes) = self.owned[from].get_mut(&topic) else { return };
        let Some(index) = indexes.pop_last() else { return };
        if indexes.is_empty() {
            self.owned[from].remove(&topic);
        }
        self.set_load(from, self.loads[from] - 1);
        self.give(to, topic, index);
    }
}
