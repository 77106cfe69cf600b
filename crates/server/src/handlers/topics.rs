//! Handlers that create, change, delete and describe topics.

pub mod create_partitions;
pub mod create_topics;
pub mod delete_topics;
pub mod describe_topic_partitions;
pub mod elect_leaders;

use std::{sync::Arc, time::Duration};

use crate::{
    node::Node,
    quorum::{Answer, CommandError},
};

/// What a broker waits for its own metadata to catch up with a change that it has asked for.
const APPLY_WAIT: Duration = Duration::from_secs(2);

/// What these handlers use.
pub struct TopicsContext {
    /// The node: its metadata and the way to the controller.
    pub node: Arc<Node>,
}

impl TopicsContext {
    /// The response to a committed change, once this broker has applied the change too: whoever asked for it may go on at
    /// once. A broker that lags answers all the same.
    pub async fn settled<T>(&self, answer: Result<Answer<T>, CommandError>) -> Result<T, CommandError> {
        let Answer { response, end_offset } = answer?;
        let applied = self.node.metadata.wait_for(end_offset - 1);
        let _ = self.node.world.clock.timeout(APPLY_WAIT, applied).await;
        Ok(response)
    }
}
