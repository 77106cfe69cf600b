//! Logs that may lack records since a crash ([`klamm_log::Log::doubted_from`]).
//!
//! When the metadata knows the broker's registration of this run, it tells for each of them what to do: the controller has
//! taken the broker out of the ISR then, and elected who is to lead without what may be missing. Before that a log that
//! looks like a follower's may be the only one that was in sync.

use std::rc::Rc;

use klamm_metadata::image::{self, MetadataImage};

use super::run::Shard;
use crate::{metadata_change::MetadataChange, node::Node, partition::Partition};

/// Whether the metadata has the registration of this run of the broker.
fn knows_this_run(image: &MetadataImage, node: &Node) -> bool {
    image.cluster.brokers.get(&node.id).is_some_and(|broker| broker.incarnation_id == node.incarnation_id)
}

/// Deals with a partition's log in its role, which is that of `image`.
///
/// # Errors
/// If the log cannot be cut back.
pub(super) fn settle(
    partition: &mut Partition,
    (image, registered): (&MetadataImage, &image::Partition),
    node: &Node,
    now_ms: i64,
) -> klamm_log::Result<()> {
    if partition.log.doubted_from().is_none() || !knows_this_run(image, node) {
        return Ok(());
    }
    let counts = registered.isr.contains(&node.id) || registered.elr.contains(&node.id);
    partition.settle_doubt(counts, now_ms)
}

impl Shard {
    /// Deals with all such logs once the broker's registration has come.
    pub(super) fn settle_doubts(self: &Rc<Self>, change: &MetadataChange) {
        let (before, after) = (&change.before.image, &change.after.image);
        if knows_this_run(before, &self.node) || !knows_this_run(after, &self.node) {
            return;
        }
        let now_ms = self.node.world.clock.wall_ms();
        let mut failed = Vec::new();
        for partition in self.partitions.borrow_mut().iter_mut() {
            let topic = after.topics.by_id(&partition.topic_id());
            let registered = topic.and_then(|topic| topic.partitions.get(&partition.at().index));
            let Some(registered) = registered else { continue };
            if let Err(error) = settle(partition, (after, registered), &self.node, now_ms) {
                failed.push((partition.log_dir(), error));
            }
        }
        for (log_dir, error) in failed {
            self.node.log_dirs.fail(log_dir, &error);
        }
    }
}
