//! A leader's high watermark never goes back within its epoch, and never lies beyond its log.

use std::collections::BTreeMap;

use klamm_protocol::Uuid;
use klamm_server::observe::Observation;

use super::{Invariant, Loss};

/// See above.
#[derive(Default)]
pub(super) struct HighWatermark {
    /// By node, topic, partition and epoch.
    last: BTreeMap<(i32, Uuid, i32, i32), i64>,
}

impl Invariant for HighWatermark {
    fn name(&self) -> &'static str {
        "high watermark"
    }

    fn observe(&mut self, node: i32, observation: &Observation) -> Result<(), String> {
        let Observation::Replica(replica) = observation else { return Ok(()) };
        let (at, epoch, now) = (&replica.at, replica.leader_epoch, replica.high_watermark);
        if now > replica.log_end {
            return Err(format!("{}-{} on {node}: {now} is beyond {}", at.topic, at.index, replica.log_end));
        }
        if !replica.is_leader {
            return Ok(());
        }
        match self.last.insert((node, replica.topic_id, at.index, epoch), now) {
            Some(before) if before > now => Err(format!(
                "{}-{} on {node}, epoch {epoch}: from {before} back to {now}",
                at.topic, at.index
            )),
            _ => Ok(()),
        }
    }

    fn lost(&mut self, node: i32, _loss: Loss) {
        // What it knew it has to find out anew.
        self.last.retain(|(of, ..), _| *of != node);
    }
}
