//! How many groups and offsets there are, for metrics.

use std::collections::BTreeMap;

use super::GroupState;
use crate::coordinator::GroupCoordinator;
use crate::state::GroupsState;

/// What is there at one moment. Taken in no time on the coordinator's thread, to be counted on another.
#[derive(Clone, Debug)]
pub struct Census {
    committed: GroupsState,
    /// Classic groups by state, which is in memory only.
    classic: BTreeMap<&'static str, u64>,
}

impl GroupCoordinator {
    /// What is committed now, and the states of classic groups.
    pub fn census(&self) -> Census {
        let mut classic = BTreeMap::new();
        for group in self.classic_groups() {
            *classic.entry(group.state().name()).or_default() += 1;
        }
        Census { committed: self.committed_state().clone(), classic }
    }
}

impl Census {
    /// Groups by kind and state, as ListGroups names them.
    pub fn groups(&self) -> BTreeMap<(&'static str, &'static str), u64> {
        let mut counts: BTreeMap<_, _> =
            self.classic.iter().map(|(state, count)| (("classic", *state), *count)).collect();
        for (_, group) in self.committed.groups() {
            let state = match group {
                GroupState::Classic(_) => continue,
                GroupState::Consumer(group) => group.state().name(),
                GroupState::Share(group) => group.state().name(),
                GroupState::Streams(group) => group.state().name(),
            };
            *counts.entry((group.kind().name(), state)).or_default() += 1;
        }
        counts
    }

    /// Committed offsets.
    pub fn offsets(&self) -> usize {
        self.committed.offsets().count()
    }
}
