//! A controller does not leave before the brokers that leave at the same time.
//!
//! Whoever stops a cluster tells all of its nodes to stop within a moment. Controllers that went as soon as their own
//! brokers were let go would leave the other brokers without anybody who could let those go: they would end unfenced, and
//! their next runs would not be registered before the sessions of these have ended. So a controller stays for a moment in
//! which it may hear of others that leave, and then until they are gone.

use std::time::Duration;

use klamm_metadata::image::{Broker, MetadataImage};
use tracing::info;

use crate::node::Node;

/// What is done to several nodes of a cluster at once is told by all of them within this time. The active controller stays
/// for another moment, so that those who only vote go first: nobody has to be elected for a cluster that ends.
const MOMENT: Duration = Duration::from_millis(100);

/// How long a controller stays at most. A broker may take longer, if many partitions are to be led by others, but then there
/// are others, with controllers that stay.
const LIMIT: Duration = Duration::from_secs(10);

/// Completes when no other broker is being let go, or after [`LIMIT`].
pub(super) async fn outlast_brokers(node: &Node) {
    let clock = node.world.clock;
    let is_needed = |image: &MetadataImage| others(image, node.id).any(|broker| !broker.fenced);
    if !is_needed(&node.metadata.load().image) {
        return;
    }
    clock.sleep(MOMENT).await;
    let nobody_leaves = |image: &MetadataImage| !others(image, node.id).any(is_leaving);
    if !nobody_leaves(&node.metadata.load().image) {
        info!(node = node.id, "the controller stays until other brokers that leave are gone");
        let _ = clock.timeout(LIMIT, node.metadata.wait_until(nobody_leaves)).await;
    }
    let has_successors = node.metadata.load().voters.len() > 1;
    if has_successors && node.controller.leader_id() == node.id {
        clock.sleep(MOMENT).await;
    }
}

fn others(image: &MetadataImage, id: i32) -> impl Iterator<Item = &Broker> {
    image.cluster.brokers.values().filter(move |broker| broker.id != id)
}

const fn is_leaving(broker: &Broker) -> bool {
    broker.in_controlled_shutdown && !broker.fenced
}
