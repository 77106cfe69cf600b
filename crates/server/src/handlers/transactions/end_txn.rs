//! EndTxn (key 26), v0–5: commits or aborts a transaction (KIP-98).
//!
//! * v2  PRODUCER_FENCED  * v5  the answer says with which id and epoch the producer goes on (KIP-890)
//!
//! The answer comes when the decision is committed. Readers see its outcome when the markers are written, soon after.

use klamm_coordinator::transaction::{End, TransactionReply, TransactionRequest};
use klamm_protocol::{
    ErrorCode,
    api::end_txn::{EndTxnRequest, EndTxnResponse},
};

use super::{PRODUCER_FENCED_SINCE, TransactionsContext, fenced_as_before};
use crate::dispatch::Call;

/// From this version on clients work by transaction version 2.
const RAISES_EPOCHS_SINCE: i16 = 5;

/// Answers EndTxn.
pub async fn handle(cx: &TransactionsContext, call: &Call, request: EndTxnRequest) -> EndTxnResponse {
    let id = request.transactional_id.clone();
    let end = End {
        id: request.transactional_id,
        producer_id: request.producer_id,
        producer_epoch: request.producer_epoch,
        is_commit: request.committed,
        version: if call.api_version >= RAISES_EPOCHS_SINCE { 2 } else { 0 },
    };
    let ended = match cx.ask(&id, TransactionRequest::End(end)).await {
        TransactionReply::End(ended) => ended,
        // It was given a producer id.
        _ => Err(ErrorCode::UnknownServerError),
    };
    match ended {
        Ok((producer_id, producer_epoch)) => {
            EndTxnResponse { producer_id, producer_epoch, ..Default::default() }
        }
        Err(error) => EndTxnResponse {
            error_code: fenced_as_before(error, call.api_version, PRODUCER_FENCED_SINCE).code(),
            ..Default::default()
        },
    }
}
