//! AddOffsetsToTxn (key 25), v0–4: adds a group's partition of `__consumer_offsets` to a transaction (KIP-98).
//!
//! * v2  PRODUCER_FENCED
//!
//! Clients that work by transaction version 2 do without it.

use klamm_coordinator::transaction::{Partitions, TransactionRequest, TxnPartition};
use klamm_protocol::{
    StrBytes,
    api::add_offsets_to_txn::{AddOffsetsToTxnRequest, AddOffsetsToTxnResponse},
};

use super::{PRODUCER_FENCED_SINCE, TransactionsContext, expect_answer, fenced_as_before};
use crate::{coordinator, dispatch::Call, topic_names};

/// Answers AddOffsetsToTxn.
pub async fn handle(
    cx: &TransactionsContext,
    call: &Call,
    request: AddOffsetsToTxnRequest,
) -> AddOffsetsToTxnResponse {
    let at = TxnPartition {
        topic: StrBytes::from(topic_names::GROUP_METADATA),
        index: coordinator::partition_of(&cx.node, &request.group_id),
    };
    let id = request.transactional_id.clone();
    let partitions = Partitions {
        id: request.transactional_id,
        producer_id: request.producer_id,
        producer_epoch: request.producer_epoch,
        partitions: std::iter::once(at).collect(),
        version: 0,
    };
    let error =
        expect_answer!(cx.ask(&id, TransactionRequest::AddPartitions(partitions)).await, AddPartitions);
    let error_code = fenced_as_before(error, call.api_version, PRODUCER_FENCED_SINCE).code();
    AddOffsetsToTxnResponse { error_code, ..Default::default() }
}
