//! A leader epoch of a partition has at most one leader.

use std::collections::BTreeMap;

use klamm_protocol::Uuid;
use klamm_server::observe::Observation;

use super::Invariant;

/// See above.
#[derive(Default)]
pub(super) struct OneLeader {
    leaders: BTreeMap<(Uuid, i32, i32), i32>,
}

impl Invariant for OneLeader {
    fn name(&self) -> &'static str {
        "one leader of an epoch"
    }

    fn observe(&mut self, node: i32, observation: &Observation) -> Result<(), String> {
        let Observation::Replica(replica) = observation else { return Ok(()) };
        if !replica.is_leader {
            return Ok(());
        }
        let (at, epoch) = (&replica.at, replica.leader_epoch);
        match self.leaders.insert((replica.topic_id, at.index, epoch), node) {
            Some(other) if other != node => Err(format!(
                "brokers {other} and {node} both lead {}-{} in epoch {epoch}",
                at.topic, at.index
            )),
            _ => Ok(()),
        }
    }
}
