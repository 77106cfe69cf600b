//! InitProducerId (key 22), v0–5: an id and epoch for an idempotent producer (KIP-98).
//!
//! * v3  the producer may name the id and epoch that it has (KIP-360)
//!
//! Without a transactional id every call gets a fresh id; what the producer had does not matter. There is no transaction
//! coordinator yet: a transactional id is answered COORDINATOR_NOT_AVAILABLE, on which clients retry until their timeout.

use klamm_protocol::{
    ErrorCode,
    api::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse},
};

use super::RecordsContext;
use crate::dispatch::Call;

/// Answers InitProducerId.
pub async fn handle(
    cx: &RecordsContext,
    _call: &Call,
    request: InitProducerIdRequest,
) -> InitProducerIdResponse {
    let refused = |code: ErrorCode| InitProducerIdResponse {
        error_code: code.code(),
        producer_id: -1,
        producer_epoch: -1,
        ..Default::default()
    };
    if (request.producer_id == -1) != (request.producer_epoch == -1) {
        return refused(ErrorCode::InvalidRequest);
    }
    match &request.transactional_id {
        Some(id) if id.is_empty() => refused(ErrorCode::InvalidRequest),
        Some(_) => refused(ErrorCode::CoordinatorNotAvailable),
        None => match cx.producer_ids.next().await {
            Ok(producer_id) => {
                InitProducerIdResponse { producer_id, producer_epoch: 0, ..Default::default() }
            }
            Err(code) => refused(code),
        },
    }
}
