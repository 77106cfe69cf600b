//! Server-side assignors: who of a consumer group is to read which partitions (KIP-848).

mod range;
pub(crate) mod simple;
#[cfg(test)]
mod tests;
mod uniform;

use klamm_protocol::{StrBytes, Uuid};
use std::collections::{BTreeMap, BTreeSet};

/// Partitions by topic id; no topic without partitions.
pub(crate) type Assignment = BTreeMap<Uuid, BTreeSet<i32>>;

/// A member, as an assignor sees it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Subscriber {
    pub(crate) instance: Option<StrBytes>,
    pub(crate) topics: BTreeSet<Uuid>,
    /// Its target so far, which is kept where that does not cost balance.
    pub(crate) current: Assignment,
}

/// What is to be assigned.
#[derive(Clone, Debug, Default)]
pub(crate) struct GroupSpec {
    /// By member id.
    pub(crate) members: BTreeMap<StrBytes, Subscriber>,
    /// The partition counts of all subscribed topics.
    pub(crate) partition_counts: BTreeMap<Uuid, i32>,
}

/// A server-side assignor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Assignor {
    /// Spreads all partitions evenly, moving as few as it can. The default.
    #[default]
    Uniform,
    /// Gives each member neighbouring partitions of each topic, the same ones of all topics.
    Range,
}

impl Assignor {
    /// The assignor of this name, as `group.consumer.assignors` has it.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "uniform" => Some(Self::Uniform),
            "range" => Some(Self::Range),
            _ => None,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Range => "range",
        }
    }

    /// Assigns every partition that somebody subscribes to, to one of its subscribers. Every member has an entry.
    pub(crate) fn assign(self, group: &GroupSpec) -> BTreeMap<StrBytes, Assignment> {
        match self {
            Self::Uniform => uniform::assign(group),
            Self::Range => range::assign(group),
        }
    }
}
