//! Logs that may lack records since a crash ([`klamm_log::Log::doubted_from`]).
//!
//! When the metadata knows the broker's registration of this run, it tells which of them count: the controller has taken
//! the broker out of the ISR then, and elected who is to lead without what may be missing. Before that a log that looks
//! like a follower's may be the only one that was in sync.
//!
//! A deletion may be among what is cut off; if the leader has forgotten it since (`delete.retention.ms`), what was deleted
//! is here again, as on any replica that was away for longer than that.

use std::rc::Rc;

use klamm_metadata::image::{self, MetadataImage};

use super::run::Shard;
use crate::{metadata_change::MetadataChange, node::Node, partition::Partition};

/// Whether the metadata has the registration of this run of the broker.
fn knows_this_run(image: &MetadataImage, node: &Node) -> bool {
    image.cluster.brokers.get(&node.id).is_some_and(|broker| broker.incarnation_id == node.incarnation_id)
}

/// Tells a partition, which has the role of `image`, whether its log counts.
pub(super) fn settle(
    partition: &mut Partition,
    (image, registered): (&MetadataImage, &image::Partition),
    node: &Node,
) {
    if partition.log.doubted_from().is_some() && knows_this_run(image, node) {
        partition.settle_doubt(registered.isr.contains(&node.id) || registered.elr.contains(&node.id));
    }
}

impl Shard {
    /// Deals with all such logs once the broker's registration has come.
    pub(super) fn settle_doubts(self: &Rc<Self>, change: &MetadataChange) {
        let (before, after) = (&change.before.image, &change.after.image);
        if knows_this_run(before, &self.node) || !knows_this_run(after, &self.node) {
            return;
        }
        let mut followed = Vec::new();
        let mut partitions = self.partitions.borrow_mut();
        for partition in partitions.iter_mut().filter(|partition| partition.log.doubted_from().is_some()) {
            let topic = after.topics.by_id(&partition.topic_id());
            if let Some(registered) = topic.and_then(|topic| topic.partitions.get(&partition.at().index)) {
                settle(partition, (after, registered), &self.node);
                followed.push((partition.at().clone(), partition.followed()));
            }
        }
        drop(partitions);
        for (at, leader) in followed {
            self.replication().follow(self, &at, leader);
        }
    }
}
