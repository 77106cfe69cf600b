//! Handlers that create, change, delete and describe topics.

pub mod alter_partition_reassignments;
pub mod create_partitions;
pub mod create_topics;
pub mod delete_topics;
pub mod describe_topic_partitions;
pub mod elect_leaders;
pub mod list_partition_reassignments;

use std::{sync::Arc, time::Duration};

use klamm_metadata::MetadataImage;

use crate::node::Node;

/// What a broker waits for its own metadata to catch up with a change that it has asked for.
const APPLY_WAIT: Duration = Duration::from_secs(2);

/// What these handlers use.
pub struct TopicsContext {
    /// The node: its metadata and the way to the controller.
    pub node: Arc<Node>,
}

impl TopicsContext {
    /// Waits until this broker knows of a change that the controller has made, so that whoever asked for it may go on at
    /// once. Where in the log the change is only the controller knows; here it counts what the image says. A broker that
    /// lags answers all the same.
    pub async fn applied(&self, is_there: impl Fn(&MetadataImage) -> bool) {
        let _ = self.node.world.clock.timeout(APPLY_WAIT, self.node.metadata.wait_until(is_there)).await;
    }
}
