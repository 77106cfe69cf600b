//! Handlers of transactions. What is decided is in `klamm-coordinator`; here a request is brought to the coordinator that
//! it concerns, or to the partitions, and the answers into the form of its version.

pub mod add_offsets_to_txn;
pub mod add_partitions_to_txn;
pub mod describe_transactions;
pub mod end_txn;
pub mod init_producer_id;
pub mod list_transactions;
pub mod txn_offset_commit;
pub mod verification;
pub mod write_txn_markers;

use std::{rc::Rc, sync::Arc};

use klamm_coordinator::transaction::{TransactionReply, TransactionRequest};
use klamm_protocol::ErrorCode;

use crate::{
    coordinator::transactions::{driver::Asked, partition_of},
    inter_broker::InterBroker,
    node::Node,
    producer_ids::ProducerIds,
    shard::{ShardRequest, Shards},
    topic_names,
};

/// The last version of these APIs whose clients do not know PRODUCER_FENCED, but INVALID_PRODUCER_EPOCH.
const PRODUCER_FENCED_SINCE: i16 = 2;

/// What these handlers use.
pub struct TransactionsContext {
    /// The node: its metadata and config.
    pub node: Arc<Node>,
    /// The way to the coordinators and partitions.
    pub shards: Rc<Shards>,
    /// Ids for producers.
    pub producer_ids: Arc<ProducerIds>,
    /// The way to other brokers, for markers alone: they wait for the replicas.
    pub inter_broker: Rc<InterBroker>,
    /// What is asked of coordinators on other brokers before the first batch of a transaction.
    pub verifications: Rc<verification::Outgoing>,
}

impl TransactionsContext {
    /// Asks the coordinator of a transactional id, with a fresh producer id if it needs one.
    async fn ask(&self, transactional_id: &str, request: TransactionRequest) -> TransactionReply {
        let partition = partition_of(&self.node, transactional_id);
        let reply = self.ask_partition(partition, request.clone(), None).await;
        if reply != TransactionReply::NeedsProducerId {
            return reply;
        }
        match self.producer_ids.next().await {
            Ok(fresh) => self.ask_partition(partition, request, Some(fresh)).await,
            Err(error) => request.refuse(error),
        }
    }

    /// Asks the coordinator of a partition of `__transaction_state`.
    async fn ask_partition(
        &self,
        partition: i32,
        request: TransactionRequest,
        fresh_producer_id: Option<i64>,
    ) -> TransactionReply {
        let shard = self.shards.of(topic_names::TRANSACTION_STATE, partition);
        // Should the shard go down, this is what is left to answer.
        let refusal = request.refuse(ErrorCode::NotCoordinator);
        let answer = self.shards.ask(shard, |reply| ShardRequest::CoordinateTransaction {
            partition,
            asked: Box::new(Asked { request, fresh_producer_id, reply }),
        });
        answer.await.unwrap_or(refusal)
    }
}

/// What clients that know only INVALID_PRODUCER_EPOCH are told of being fenced.
const fn fenced_as_before(error: ErrorCode, version: i16, since: i16) -> ErrorCode {
    match error {
        ErrorCode::ProducerFenced if version < since => ErrorCode::InvalidProducerEpoch,
        error => error,
    }
}

/// What a coordinator answers to one request is of that request's kind.
macro_rules! expect_answer {
    ($reply:expr, $kind:ident) => {
        match $reply {
            klamm_coordinator::transaction::TransactionReply::$kind(reply) => reply,
            other => unreachable!("a coordinator answers in kind, not {other:?}"),
        }
    };
}
use expect_answer;
