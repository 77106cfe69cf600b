//! Who gets which partitions: decided by the leader of a classic group.
//!
//! Pure: the same subscriptions and partition counts give the same assignment.

mod sticky;

use std::collections::BTreeMap;

use crate::TopicPartition;

/// A way to assign partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Assignor {
    /// Per topic, contiguous ranges.
    Range,
    /// All partitions of all topics, one by one.
    RoundRobin,
    /// Balanced, with as few moves as possible; everybody gives up everything first.
    Sticky,
    /// Balanced, with as few moves as possible; only what moves is given up (KIP-429).
    CooperativeSticky,
}

/// What one member wants and has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) id: String,
    pub(super) instance_id: Option<String>,
    pub(super) topics: Vec<String>,
    pub(super) owned: Vec<TopicPartition>,
    /// The generation in which it owned them; -1 if unknown.
    pub(super) generation: i32,
}

/// Partitions by member id.
pub(super) type Assignment = BTreeMap<String, Vec<TopicPartition>>;

impl Assignor {
    /// By the protocol's name, or the name of Kafka's class.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Some(match name.rsplit('.').next().unwrap_or(name) {
            "range" | "RangeAssignor" => Self::Range,
            "roundrobin" | "RoundRobinAssignor" => Self::RoundRobin,
            "sticky" | "StickyAssignor" => Self::Sticky,
            "cooperative-sticky" | "CooperativeStickyAssignor" => Self::CooperativeSticky,
            _ => return None,
        })
    }

    /// The name that members agree on.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Range => "range",
            Self::RoundRobin => "roundrobin",
            Self::Sticky => "sticky",
            Self::CooperativeSticky => "cooperative-sticky",
        }
    }

    pub(super) const fn is_cooperative(self) -> bool {
        matches!(self, Self::CooperativeSticky)
    }

    /// Assigns the partitions of `topics` (name to number of partitions).
    pub(super) fn assign(self, topics: &BTreeMap<String, i32>, mut members: Vec<Member>) -> Assignment {
        // Static members come first, by instance id, so that a restart under a new member id changes nothing.
        members.sort_by(|a, b| match (&a.instance_id, &b.instance_id) {
            (Some(a), Some(b)) => a.cmp(b),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (None, None) => a.id.cmp(&b.id),
        });
        match self {
            Self::Range => range(topics, &members),
            Self::RoundRobin => round_robin(topics, &members),
            Self::Sticky => sticky::assign(topics, &members),
            Self::CooperativeSticky => sticky::withhold_moving(sticky::assign(topics, &members), &members),
        }
    }
}

fn empty(members: &[Member]) -> Assignment {
    members.iter().map(|member| (member.id.clone(), Vec::new())).collect()
}

fn range(topics: &BTreeMap<String, i32>, members: &[Member]) -> Assignment {
    let mut assignment = empty(members);
    for (topic, count) in topics {
        let takers: Vec<&Member> = members.iter().filter(|member| member.topics.contains(topic)).collect();
        let takers_count = takers.len() as i32;
        let mut next = 0;
        for (index, member) in (0..).zip(takers) {
            let share = count / takers_count + i32::from(index < count % takers_count);
            let partitions = (next..next + share).map(|p| TopicPartition::new(topic.as_str(), p));
            assignment.entry(member.id.clone()).or_default().extend(partitions);
            next += share;
        }
    }
    assignment
}

fn round_robin(topics: &BTreeMap<String, i32>, members: &[Member]) -> Assignment {
    let mut assignment = empty(members);
    let mut turn = 0;
    for (topic, count) in topics {
        if !members.iter().any(|member| member.topics.contains(topic)) {
            continue;
        }
        for partition in 0..*count {
            while !members[turn % members.len()].topics.contains(topic) {
                turn += 1;
            }
            let member = &members[turn % members.len()];
            turn += 1;
            assignment
                .entry(member.id.clone())
                .or_default()
                .push(TopicPartition::new(topic.as_str(), partition));
        }
    }
    assignment
}

#[cfg(test)]
mod tests;
