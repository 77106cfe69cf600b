//! AllocateProducerIds (KIP-730).

use crate::{ApiError, Context, Outcome};
use klamm_protocol::ErrorCode;
use klamm_protocol::api::allocate_producer_ids::{AllocateProducerIdsRequest, AllocateProducerIdsResponse};
use klamm_protocol::metadata::ProducerIdsRecord;

/// How many ids a broker gets at once.
const BLOCK_SIZE: i32 = 1000;

/// Gives a broker the next block of producer ids.
///
/// # Errors
/// STALE_BROKER_EPOCH, or UNKNOWN_SERVER_ERROR when the ids are used up.
pub fn allocate(
    context: &Context<'_>,
    request: &AllocateProducerIdsRequest,
) -> Result<Outcome<AllocateProducerIdsResponse>, ApiError> {
    context.checked_broker(request.broker_id, request.broker_epoch)?;
    let start = context.image.next_producer_id.unwrap_or(0);
    let Some(next) = start.checked_add(i64::from(BLOCK_SIZE)) else {
        return Err(ApiError::new(
            ErrorCode::UnknownServerError,
            "Exhausted all producerIds as the next block's end producerId has exceeded the int64 type limit",
        ));
    };
    let record = ProducerIdsRecord {
        broker_id: request.broker_id,
        broker_epoch: request.broker_epoch,
        next_producer_id: next,
        ..Default::default()
    };
    let response = AllocateProducerIdsResponse {
        producer_id_start: start,
        producer_id_len: BLOCK_SIZE,
        ..Default::default()
    };
    Ok(Outcome::new(vec![record.into()], response))
}
