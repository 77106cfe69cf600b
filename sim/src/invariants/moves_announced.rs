//! A replica moves to another log directory of its broker only when the controller has placed it there (KIP-858): if that
//! directory fails, the controller has to know whom it takes along.

use std::sync::Arc;

use klamm_protocol::Uuid;
use klamm_server::{metadata::Published, observe::Observation};

use super::Invariant;

/// See above.
#[derive(Default)]
pub(super) struct MovesAnnounced {
    newest: Option<Arc<Published>>,
}

impl Invariant for MovesAnnounced {
    fn name(&self) -> &'static str {
        "the controller knows of a move"
    }

    fn observe(&mut self, node: i32, observation: &Observation) -> Result<(), String> {
        match observation {
            Observation::Published(published) => {
                let offset = published.provenance.last_offset;
                if self.newest.as_ref().is_none_or(|newest| newest.provenance.last_offset < offset) {
                    self.newest = Some(Arc::clone(published));
                }
                Ok(())
            }
            Observation::Moved { at, topic_id, directory } => match self.placed(node, *topic_id, at.index) {
                Some(placed) if placed != *directory => Err(format!(
                    "{}-{} of node {node} has moved to {directory}, the controller has placed it in {placed}",
                    at.topic, at.index
                )),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

impl MovesAnnounced {
    /// The directory in which a node's replica is placed. `None` if it has none.
    fn placed(&self, node: i32, topic_id: Uuid, index: i32) -> Option<Uuid> {
        let topic = self.newest.as_ref()?.image.topics.by_id(&topic_id)?;
        let partition = topic.partitions.get(&index)?;
        let place = partition.replicas.iter().position(|replica| *replica == node)?;
        partition.directories.get(place).copied()
    }
}
