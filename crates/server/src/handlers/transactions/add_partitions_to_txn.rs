//! AddPartitionsToTxn (key 24), v0–5: adds partitions to a transaction (KIP-98).
//!
//! * v2  PRODUCER_FENCED  * v4  brokers, several transactions at once, to verify or to add (KIP-890)
//! * v5  TRANSACTION_ABORTABLE
//!
//! If one partition cannot be added none is; the others are told OPERATION_NOT_ATTEMPTED.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::{Future, poll_fn},
    task::Poll,
};

use klamm_coordinator::transaction::{Partitions, TransactionRequest, TxnPartition};
use klamm_protocol::{
    ErrorCode,
    api::add_partitions_to_txn::{
        AddPartitionsToTxnPartitionResult, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse,
        AddPartitionsToTxnResult, AddPartitionsToTxnTopicResult, AddPartitionsToTxnTransaction,
    },
};

use super::{PRODUCER_FENCED_SINCE, TransactionsContext, expect_answer, fenced_as_before};
use crate::{dispatch::Call, topic_names};

/// From this version on it is brokers that ask.
const OF_BROKERS_SINCE: i16 = 4;

/// Transactions of one request that are worked on at a time.
const AT_ONCE_MAX: usize = 100;

/// Answers AddPartitionsToTxn.
pub async fn handle(
    cx: &TransactionsContext,
    call: &Call,
    request: AddPartitionsToTxnRequest,
) -> AddPartitionsToTxnResponse {
    if call.api_version >= OF_BROKERS_SINCE {
        let mut results_by_transaction = Vec::new();
        let mut transactions = request.transactions.into_iter();
        loop {
            let next: Vec<_> = transactions.by_ref().take(AT_ONCE_MAX).collect();
            if next.is_empty() {
                break;
            }
            results_by_transaction.extend(add_all(cx, next, call.api_version).await);
        }
        return AddPartitionsToTxnResponse { results_by_transaction, ..Default::default() };
    }
    let transaction = AddPartitionsToTxnTransaction {
        transactional_id: request.v3_and_below_transactional_id,
        producer_id: request.v3_and_below_producer_id,
        producer_epoch: request.v3_and_below_producer_epoch,
        verify_only: false,
        topics: request.v3_and_below_topics,
        ..Default::default()
    };
    let result = add(cx, transaction, call.api_version).await;
    AddPartitionsToTxnResponse { results_by_topic_v3_and_below: result.topic_results, ..Default::default() }
}

/// Adds partitions to several transactions at once: each has a coordinator of its own, and may wait for a commit.
async fn add_all(
    cx: &TransactionsContext,
    transactions: Vec<AddPartitionsToTxnTransaction>,
    api_version: i16,
) -> impl Iterator<Item = AddPartitionsToTxnResult> {
    let mut adding: Vec<_> =
        transactions.into_iter().map(|one| (Box::pin(add(cx, one, api_version)), None)).collect();
    poll_fn(|context| {
        for (add, result) in adding.iter_mut().filter(|(_, result)| result.is_none()) {
            if let Poll::Ready(added) = add.as_mut().poll(context) {
                *result = Some(added);
            }
        }
        if adding.iter().all(|(_, result)| result.is_some()) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    adding.into_iter().filter_map(|(_, result)| result)
}

/// Adds partitions to one transaction, or verifies that they are in it.
pub async fn add(
    cx: &TransactionsContext,
    transaction: AddPartitionsToTxnTransaction,
    api_version: i16,
) -> AddPartitionsToTxnResult {
    let id = transaction.transactional_id.clone();
    let results = match refuse(cx, &transaction, api_version) {
        Some(refused) => refused,
        None => ask(cx, transaction, api_version).await,
    };
    result(id, results)
}

/// A code for each partition, if any of them cannot be added.
fn refuse(
    cx: &TransactionsContext,
    transaction: &AddPartitionsToTxnTransaction,
    api_version: i16,
) -> Option<BTreeMap<TxnPartition, ErrorCode>> {
    let published = cx.node.metadata.load();
    let topics = &published.image.topics;
    let check = |at: &TxnPartition| {
        if api_version < OF_BROKERS_SINCE && topic_names::is_internal(&at.topic) {
            ErrorCode::TopicAuthorizationFailed
        } else if topics.partition(&at.topic, at.index).is_none() {
            ErrorCode::UnknownTopicOrPartition
        } else {
            ErrorCode::None
        }
    };
    let checked: BTreeMap<_, _> =
        partitions(transaction).into_iter().map(|at| (at.clone(), check(&at))).collect();
    if checked.values().all(|error| *error == ErrorCode::None) {
        return None;
    }
    let not_attempted = |error| match error {
        ErrorCode::None => ErrorCode::OperationNotAttempted,
        error => error,
    };
    Some(checked.into_iter().map(|(at, error)| (at, not_attempted(error))).collect())
}

async fn ask(
    cx: &TransactionsContext,
    transaction: AddPartitionsToTxnTransaction,
    api_version: i16,
) -> BTreeMap<TxnPartition, ErrorCode> {
    let id = transaction.transactional_id.clone();
    let partitions = partitions(&transaction);
    let request = Partitions {
        id: id.clone(),
        producer_id: transaction.producer_id,
        producer_epoch: transaction.producer_epoch,
        partitions: partitions.clone(),
        // Brokers add for clients that work by transaction version 2.
        version: if api_version >= OF_BROKERS_SINCE { 2 } else { 0 },
    };
    if transaction.verify_only {
        let verified = expect_answer!(cx.ask(&id, TransactionRequest::Verify(request)).await, Verify);
        return verified.into_iter().collect();
    }
    let error = expect_answer!(cx.ask(&id, TransactionRequest::AddPartitions(request)).await, AddPartitions);
    let error = fenced_as_before(error, api_version, PRODUCER_FENCED_SINCE);
    partitions.into_iter().map(|at| (at, error)).collect()
}

fn partitions(transaction: &AddPartitionsToTxnTransaction) -> BTreeSet<TxnPartition> {
    let each = transaction.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|index| TxnPartition { topic: topic.name.clone(), index: *index })
    });
    each.collect()
}

fn result(
    transactional_id: klamm_protocol::StrBytes,
    results: BTreeMap<TxnPartition, ErrorCode>,
) -> AddPartitionsToTxnResult {
    let mut topic_results: Vec<AddPartitionsToTxnTopicResult> = Vec::new();
    for (at, error) in results {
        let partition = AddPartitionsToTxnPartitionResult {
            partition_index: at.index,
            partition_error_code: error.code(),
            ..Default::default()
        };
        match topic_results.last_mut() {
            Some(last) if last.name == at.topic => last.results_by_partition.push(partition),
            _ => topic_results.push(AddPartitionsToTxnTopicResult {
                name: at.topic,
                results_by_partition: vec![partition],
                ..Default::default()
            }),
        }
    }
    AddPartitionsToTxnResult { transactional_id, topic_results, ..Default::default() }
}
