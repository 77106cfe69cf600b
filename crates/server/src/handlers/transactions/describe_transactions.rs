//! DescribeTransactions (key 65), v0: transactions by their id (KIP-664).

use std::collections::BTreeMap;

use klamm_coordinator::transaction::TransactionRequest;
use klamm_protocol::{
    StrBytes,
    api::describe_transactions::{DescribeTransactionsRequest, DescribeTransactionsResponse},
};

use super::{TransactionsContext, expect_answer};
use crate::{coordinator::transactions::partition_of, dispatch::Call};

/// Answers DescribeTransactions.
pub async fn handle(
    cx: &TransactionsContext,
    _call: &Call,
    request: DescribeTransactionsRequest,
) -> DescribeTransactionsResponse {
    let mut by_partition: BTreeMap<i32, Vec<StrBytes>> = BTreeMap::new();
    for id in request.transactional_ids {
        by_partition.entry(partition_of(&cx.node, &id)).or_default().push(id);
    }
    let mut response = DescribeTransactionsResponse::default();
    for (partition, ids) in by_partition {
        let reply = cx.ask_partition(partition, TransactionRequest::Describe { ids }, None).await;
        response.transaction_states.extend(expect_answer!(reply, Describe));
    }
    response
}
