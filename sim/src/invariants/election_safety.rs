//! An epoch of the quorum has at most one leader (Raft: Election Safety).

use std::collections::BTreeMap;

use klamm_server::observe::Observation;

use super::Invariant;

/// See above.
#[derive(Default)]
pub(super) struct ElectionSafety {
    leaders: BTreeMap<i32, i32>,
}

impl Invariant for ElectionSafety {
    fn name(&self) -> &'static str {
        "election safety"
    }

    fn observe(&mut self, node: i32, observation: &Observation) -> Result<(), String> {
        let Observation::QuorumLeader { epoch } = observation else { return Ok(()) };
        match self.leaders.insert(*epoch, node) {
            Some(other) if other != node => {
                Err(format!("nodes {other} and {node} both lead the quorum in epoch {epoch}"))
            }
            _ => Ok(()),
        }
    }
}
