//! Every in-sync replica has everything below the leader's high watermark.
//!
//! Looked at whenever a new image is committed, with what replicas have told of their logs. Of one that has been started
//! again nothing is known until it tells.

use std::collections::BTreeMap;

use klamm_protocol::Uuid;
use klamm_server::{
    metadata::Published,
    observe::{Observation, Replica},
};

use super::{Invariant, Loss};

/// See above.
#[derive(Default)]
pub(super) struct IsrCaughtUp {
    /// By node, topic and partition.
    replicas: BTreeMap<(i32, Uuid, i32), Replica>,
    newest_image: i64,
}

impl Invariant for IsrCaughtUp {
    fn name(&self) -> &'static str {
        "ISR contains only caught-up replicas"
    }

    fn observe(&mut self, node: i32, observation: &Observation) -> Result<(), String> {
        match observation {
            Observation::Replica(replica) => {
                self.replicas.insert((node, replica.topic_id, replica.at.index), replica.clone());
                Ok(())
            }
            Observation::Published(published) if published.provenance.last_offset > self.newest_image => {
                self.newest_image = published.provenance.last_offset;
                self.check(published)
            }
            _ => Ok(()),
        }
    }

    fn lost(&mut self, node: i32, _loss: Loss) {
        self.replicas.retain(|(of, ..), _| *of != node);
    }
}

impl IsrCaughtUp {
    fn check(&self, published: &Published) -> Result<(), String> {
        for topic in published.image.topics.iter() {
            for (index, partition) in &topic.partitions {
                let of = |node: i32| self.replicas.get(&(node, topic.id, *index));
                let leader = of(partition.leader)
                    .filter(|leader| leader.is_leader && leader.leader_epoch == partition.leader_epoch);
                let Some(leader) = leader else { continue };
                for member in &partition.isr {
                    // One that is still in an earlier epoch may have a log to cut, but has what was committed.
                    let Some(replica) = of(*member) else { continue };
                    if replica.log_end < leader.high_watermark {
                        return Err(format!(
                            "{}-{index}, epoch {}: {member} is in the ISR {:?} with a log that ends at {}, the high watermark is {}",
                            topic.name,
                            partition.leader_epoch,
                            partition.isr,
                            replica.log_end,
                            leader.high_watermark
                        ));
                    }
                }
            }
        }
        Ok(())
    }
}
