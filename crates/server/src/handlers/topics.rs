//! Handlers that create, change, delete and describe topics.

pub mod alter_partition_reassignments;
pub mod create_partitions;
pub mod create_topics;
pub mod delete_topics;
pub mod describe_topic_partitions;
pub mod elect_leaders;
pub mod list_partition_reassignments;
mod mutations;

use std::sync::Arc;

use crate::node::Node;

/// What these handlers use.
pub struct TopicsContext {
    /// The node: its metadata and the way to the controller.
    pub node: Arc<Node>,
}
