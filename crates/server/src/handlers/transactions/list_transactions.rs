//! ListTransactions (key 66), v0–2: the transactions that this broker coordinates (KIP-664).
//!
//! * v1  those that have been running for longer (KIP-994)  * v2  those whose id matches (KIP-1152)
//!
//! A broker that is still loading transactions answers COORDINATOR_LOAD_IN_PROGRESS rather than a part of the list.

use klamm_coordinator::transaction::{ListFilters, TransactionReply, TransactionRequest, TransactionState};
use klamm_protocol::{
    ErrorCode, StrBytes,
    api::list_transactions::{ListTransactionsRequest, ListTransactionsResponse},
};

use super::TransactionsContext;
use crate::{dispatch::Call, shard::ShardRequest};

/// Answers ListTransactions.
pub async fn handle(
    cx: &TransactionsContext,
    _call: &Call,
    request: ListTransactionsRequest,
) -> ListTransactionsResponse {
    let unknown = request.state_filters.iter().filter(|name| !TransactionState::is_known(name));
    let mut response =
        ListTransactionsResponse { unknown_state_filters: unknown.cloned().collect(), ..Default::default() };
    let mut filters = ListFilters {
        states: request.state_filters,
        producer_ids: request.producer_id_filters,
        duration_ms: request.duration_filter,
        pattern: request.transactional_id_pattern.unwrap_or_default(),
    };
    // A broker that is still loading says so, whatever it was asked; one that coordinates nothing reads the pattern, too.
    let checked = filters.check();
    if checked.is_err() {
        filters.pattern = StrBytes::default();
    }
    let partitions = cx.shards.ask_all(|reply| ShardRequest::TransactionPartitions { reply }).await;
    for partition in partitions.into_iter().flatten() {
        match cx.ask_partition(partition, TransactionRequest::List(filters.clone()), None).await {
            TransactionReply::List(Ok(listed)) => response.transaction_states.extend(listed),
            // The partition has moved meanwhile; its new coordinator lists the transactions.
            TransactionReply::List(Err(ErrorCode::NotCoordinator)) => {}
            TransactionReply::List(Err(error)) => {
                return ListTransactionsResponse { error_code: error.code(), ..Default::default() };
            }
            other => unreachable!("a coordinator answers in kind, not {other:?}"),
        }
    }
    match checked {
        Ok(()) => response,
        Err(error) => ListTransactionsResponse { error_code: error.code(), ..Default::default() },
    }
}
