//! Asking a transaction's coordinator before its first batch goes into a partition (KIP-890): whether the partition takes
//! part, or, for clients that leave it to the broker, that it take part from now on.
//!
//! The partition gives a guard before its coordinator is asked, and takes the batch only with the same guard: what was
//! true before a marker does not count after it.

mod outgoing;

pub use outgoing::Outgoing;

use std::time::Duration;

use klamm_config::broker;
use klamm_log::VerificationGuard;
use klamm_protocol::{
    ErrorCode, StrBytes,
    api::add_partitions_to_txn::{
        AddPartitionsToTxnResult, AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction,
    },
};

use super::{TransactionsContext, add_partitions_to_txn};
use crate::{
    coordinator::transactions::partition_of,
    handlers::records::{ByShard, ask},
    shard::{ShardRequest, requests::Unverified},
    topic_names,
};

/// The version of AddPartitionsToTxn in whose terms this broker asks itself.
const OWN_VERSION: i16 = 5;

/// What the client can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// It adds partitions by itself, and takes INVALID_TXN_STATE as the end.
    None,
    /// It adds partitions by itself, and knows TRANSACTION_ABORTABLE.
    Abortable,
    /// It leaves it to the broker to add partitions (transaction version 2).
    Adds,
}

impl Support {
    /// Whether the producer's epoch is raised with every transaction: a marker of the same epoch is then the end of the
    /// transaction before, after which a guard still counts.
    pub const fn raises_epochs(self) -> bool {
        matches!(self, Self::Adds)
    }
}

/// The guard of a batch, or why it must not be appended. `None`: it needs none.
pub type Verified = Result<Option<VerificationGuard>, ErrorCode>;

/// Verifies one producer's batches, all of one transaction. The answers are in the same order.
pub async fn verify(
    cx: &TransactionsContext,
    transactional_id: &StrBytes,
    batches: Vec<Unverified>,
    support: Support,
) -> Vec<Verified> {
    let config = cx.node.config.load_full();
    if support != Support::Adds && !config.get(&broker::TRANSACTION_PARTITION_VERIFICATION_ENABLE) {
        return batches.iter().map(|_| Ok(None)).collect();
    }
    let ms = |ms: i32| Duration::from_millis(u64::try_from(ms).unwrap_or(0));
    let clock = cx.node.world.clock;
    let until = clock.now()
        + ms(config.get(&broker::ADD_PARTITIONS_TO_TXN_RETRY_BACKOFF_MAX_MS))
            .min(ms(config.get(&broker::REQUEST_TIMEOUT_MS)));
    loop {
        let verified = verify_once(cx, transactional_id, &batches, support).await;
        // The markers of the transaction before are being written. It takes the client longer to come again.
        let is_early = support == Support::Adds && verified.contains(&Err(ErrorCode::ConcurrentTransactions));
        if !is_early || clock.now() >= until {
            return verified;
        }
        clock.sleep(ms(config.get(&broker::ADD_PARTITIONS_TO_TXN_RETRY_BACKOFF_MS))).await;
    }
}

async fn verify_once(
    cx: &TransactionsContext,
    transactional_id: &StrBytes,
    batches: &[Unverified],
    support: Support,
) -> Vec<Verified> {
    let mut verified = start(cx, batches).await;
    let unknown: Vec<&Unverified> = batches
        .iter()
        .zip(&verified)
        .filter_map(|(batch, verified)| matches!(verified, Ok(Some(_))).then_some(batch))
        .collect();
    let Some(first) = unknown.first() else { return verified };
    let transaction = AddPartitionsToTxnTransaction {
        transactional_id: transactional_id.clone(),
        producer_id: first.producer_id,
        producer_epoch: first.producer_epoch,
        verify_only: support != Support::Adds,
        topics: topics(&unknown),
        ..Default::default()
    };
    let clock = cx.node.world.clock;
    let asked = clock.now();
    let answer = ask_coordinator(cx, transaction).await;
    let mut failures = 0;
    for (batch, verified) in batches.iter().zip(&mut verified) {
        let error = match &answer {
            Ok(result) => find(result, batch),
            Err(error) => *error,
        };
        if matches!(verified, Ok(Some(_))) && error != ErrorCode::None {
            *verified = Err(as_producers_know(error, support));
            failures += 1;
        }
    }
    cx.verifications.outcomes.borrow_mut().note(clock.now(), asked, failures);
    verified
}

/// Has the partitions give their guards.
async fn start(cx: &TransactionsContext, batches: &[Unverified]) -> Vec<Verified> {
    let mut work = ByShard::new(cx.shards.count());
    for (place, batch) in batches.iter().enumerate() {
        work.push(cx.shards.of(&batch.at.topic, batch.at.index), place, batch.clone());
    }
    let mut answers: Vec<_> = batches.iter().map(|_| None).collect();
    ask(&cx.shards, work, &mut answers, |batches, reply| ShardRequest::Verify { batches, reply }).await;
    let answers = answers.into_iter();
    answers
        .map(|answer| {
            answer.unwrap_or_else(|| Err(ErrorCode::NotLeaderOrFollower.into())).map_err(|error| error.code)
        })
        .collect()
}

fn topics(batches: &[&Unverified]) -> Vec<AddPartitionsToTxnTopic> {
    let mut topics: Vec<AddPartitionsToTxnTopic> = Vec::new();
    for batch in batches {
        match topics.iter_mut().find(|topic| topic.name == batch.at.topic) {
            Some(topic) => topic.partitions.push(batch.at.index),
            None => topics.push(AddPartitionsToTxnTopic {
                name: batch.at.topic.clone(),
                partitions: vec![batch.at.index],
                ..Default::default()
            }),
        }
    }
    topics
}

/// Asks the coordinator, which may be here.
async fn ask_coordinator(
    cx: &TransactionsContext,
    transaction: AddPartitionsToTxnTransaction,
) -> Result<AddPartitionsToTxnResult, ErrorCode> {
    let index = partition_of(&cx.node, &transaction.transactional_id);
    let leader = {
        let published = cx.node.metadata.load();
        let partition = published.image.topics.partition(topic_names::TRANSACTION_STATE, index);
        let leader = partition.map_or(-1, |partition| partition.leader);
        // One that is gone is about to be replaced: nobody is to wait for it.
        let is_there = published.image.cluster.brokers.get(&leader).is_some_and(|broker| !broker.fenced);
        if is_there { leader } else { -1 }
    };
    if leader < 0 {
        return Err(ErrorCode::CoordinatorNotAvailable);
    }
    if leader == cx.node.id {
        return Ok(add_partitions_to_txn::add(cx, transaction, OWN_VERSION).await);
    }
    cx.verifications.ask(leader, transaction).await
}

fn find(result: &AddPartitionsToTxnResult, batch: &Unverified) -> ErrorCode {
    let mut topics = result.topic_results.iter().filter(|topic| topic.name == batch.at.topic);
    let found = topics.find_map(|topic| {
        topic.results_by_partition.iter().find(|partition| partition.partition_index == batch.at.index)
    });
    found.map_or(ErrorCode::None, |partition| ErrorCode::from_code(partition.partition_error_code))
}

/// Producers expect INVALID_PRODUCER_EPOCH of partitions, and older ones do not know TRANSACTION_ABORTABLE.
const fn as_producers_know(error: ErrorCode, support: Support) -> ErrorCode {
    match (error, support) {
        (ErrorCode::ProducerFenced, _) => ErrorCode::InvalidProducerEpoch,
        (ErrorCode::TransactionAbortable, Support::None) => ErrorCode::InvalidTxnState,
        (error, _) => error,
    }
}
