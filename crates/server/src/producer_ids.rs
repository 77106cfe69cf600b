//! Ids for producers, out of blocks that the controller hands out.

use std::sync::Arc;

use klamm_protocol::{ErrorCode, api::allocate_producer_ids::AllocateProducerIdsRequest};
use tokio::sync::Mutex;
use tracing::warn;

use crate::node::Node;

/// Gives out producer ids, each once in the cluster's life.
#[derive(Debug)]
pub struct ProducerIds {
    node: Arc<Node>,
    /// The block in use. The lock is held while the next one is fetched, so that only one caller asks for it.
    block: Mutex<std::ops::Range<i64>>,
}

impl ProducerIds {
    /// A source without a block yet.
    pub fn new(node: Arc<Node>) -> Arc<Self> {
        Arc::new(Self { node, block: Mutex::new(0..0) })
    }

    /// The next id.
    ///
    /// # Errors
    /// COORDINATOR_LOAD_IN_PROGRESS, on which a producer retries, if the controller gives no block.
    pub async fn next(&self) -> Result<i64, ErrorCode> {
        let mut block = self.block.lock().await;
        if let Some(id) = block.next() {
            return Ok(id);
        }
        *block = self.next_block().await?;
        block.next().ok_or(ErrorCode::CoordinatorLoadInProgress)
    }

    async fn next_block(&self) -> Result<std::ops::Range<i64>, ErrorCode> {
        let broker_epoch = self.node.broker_epoch();
        let request =
            AllocateProducerIdsRequest { broker_id: self.node.id, broker_epoch, ..Default::default() };
        match self.node.controller.allocate_producer_ids(request, 0).await {
            Ok(response) if response.error_code == 0 => {
                let start = response.producer_id_start;
                Ok(start..start.saturating_add(i64::from(response.producer_id_len)))
            }
            Ok(answer) => {
                let error = ErrorCode::from_code(answer.error_code);
                warn!(error = error.name(), "the controller gives no block of producer ids");
                Err(ErrorCode::CoordinatorLoadInProgress)
            }
            Err(error) => {
                warn!(%error, "the controller gives no block of producer ids");
                Err(ErrorCode::CoordinatorLoadInProgress)
            }
        }
    }
}
