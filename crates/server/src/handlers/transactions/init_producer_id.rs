//! InitProducerId (key 22), v0–5: an id and epoch for an idempotent or transactional producer (KIP-98).
//!
//! * v3  the producer may name the id and epoch that it has (KIP-360)  * v4  PRODUCER_FENCED
//! * v6  two-phase commit, with `transaction.two.phase.commit.enable` (KIP-939), unstable
//!
//! Without a transactional id every call gets a fresh id; what the producer had does not matter. With one, an earlier
//! producer's transaction is aborted first: the answer is CONCURRENT_TRANSACTIONS until that is done.

use klamm_config::broker;
use klamm_coordinator::transaction::{Init, TransactionReply, TransactionRequest};
use klamm_protocol::{
    ErrorCode,
    api::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse},
};

use super::{TransactionsContext, fenced_as_before};
use crate::dispatch::Call;

const PRODUCER_FENCED_SINCE: i16 = 4;

/// Answers InitProducerId.
pub async fn handle(
    cx: &TransactionsContext,
    call: &Call,
    request: InitProducerIdRequest,
) -> InitProducerIdResponse {
    match init(cx, request).await {
        Ok((producer_id, producer_epoch)) => {
            InitProducerIdResponse { producer_id, producer_epoch, ..Default::default() }
        }
        Err(error) => InitProducerIdResponse {
            error_code: fenced_as_before(error, call.api_version, PRODUCER_FENCED_SINCE).code(),
            producer_id: -1,
            producer_epoch: -1,
            ..Default::default()
        },
    }
}

async fn init(cx: &TransactionsContext, request: InitProducerIdRequest) -> Result<(i64, i16), ErrorCode> {
    let expected = match (request.producer_id, request.producer_epoch) {
        (-1, -1) => None,
        (-1, _) | (_, -1) => return Err(ErrorCode::InvalidRequest),
        expected => Some(expected),
    };
    let Some(id) = request.transactional_id else { return Ok((cx.producer_ids.next().await?, 0)) };
    if id.is_empty() {
        return Err(ErrorCode::InvalidRequest);
    }
    let is_two_phase = request.enable2_pc;
    if is_two_phase && !cx.node.config.load().get(&broker::TRANSACTION_TWO_PHASE_COMMIT_ENABLE) {
        return Err(ErrorCode::TransactionalIdAuthorizationFailed);
    }
    // Kafka knows the field and does not do it yet.
    if request.keep_prepared_txn {
        return Err(ErrorCode::UnsupportedVersion);
    }
    let init = Init { id: id.clone(), timeout_ms: request.transaction_timeout_ms, is_two_phase, expected };
    match cx.ask(&id, TransactionRequest::Init(init)).await {
        TransactionReply::Init(granted) => granted,
        // It was given one.
        _ => Err(ErrorCode::UnknownServerError),
    }
}
