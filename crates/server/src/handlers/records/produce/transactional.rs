//! Batches of transactions: their coordinator has to know that the partition takes part (KIP-890).

use klamm_protocol::{ErrorCode, StrBytes, records::BatchHeader};

use super::Appends;
use crate::{
    dispatch::Call,
    error::ApiError,
    handlers::{
        records::RecordsContext,
        transactions::verification::{Support, verify as verify_batches},
    },
    shard::requests::{AppendAnswer, PartitionAppend, Unverified},
};

/// Gives every transactional batch its guard. Those that must not be appended are answered and taken out.
pub(super) async fn verify(
    cx: &RecordsContext,
    call: &Call,
    transactional_id: &StrBytes,
    answers: &mut [Option<AppendAnswer>],
    appends: &mut Appends,
) {
    let Some(contexts) = cx.shards.contexts() else { return };
    let support = match call.api_version {
        ..=10 => Support::None,
        11 => Support::Abortable,
        12.. => Support::Adds,
    };
    let found = appends.iter().enumerate();
    let (indexes, batches): (Vec<usize>, Vec<Unverified>) =
        found.filter_map(|(index, (_, append))| Some((index, unverified(append, support)?))).unzip();
    let producer = |batch: &Unverified| (batch.producer_id, batch.producer_epoch);
    let Some(first) = batches.first().map(producer) else { return };
    let verified = if batches.iter().all(|batch| producer(batch) == first) {
        verify_batches(&contexts.transactions, transactional_id, batches, support).await
    } else {
        batches.iter().map(|_| Err(ErrorCode::InvalidProducerIdMapping)).collect()
    };
    let mut refused = Vec::new();
    for (index, verified) in indexes.into_iter().zip(verified) {
        let Some((place, append)) = appends.get_mut(index) else { continue };
        match verified {
            Ok(guard) => append.transactional.guard = guard,
            Err(error) => {
                if let Some(slot) = answers.get_mut(*place) {
                    *slot = Some(Err(as_producers_know(error, support).into()));
                }
                refused.push(*place);
            }
        }
    }
    appends.retain(|(place, _)| !refused.contains(place));
}

/// `None` if the batch is none of a transaction; what is wrong with it is found out later.
fn unverified(append: &PartitionAppend, support: Support) -> Option<Unverified> {
    let header = BatchHeader::decode(&append.records).ok()?;
    (header.has_producer_id() && header.is_transactional()).then(|| Unverified {
        at: append.at.clone(),
        producer_id: header.producer_id,
        producer_epoch: header.producer_epoch,
        base_sequence: header.base_sequence,
        raises_epochs: support.raises_epochs(),
    })
}

/// Errors of coordinators become such as make producers try again without asking for metadata.
fn as_producers_know(error: ErrorCode, support: Support) -> ApiError {
    match error {
        ErrorCode::InvalidTxnState => ApiError::new(error, "Partition was not added to the transaction"),
        ErrorCode::NetworkException
        | ErrorCode::CoordinatorLoadInProgress
        | ErrorCode::CoordinatorNotAvailable
        | ErrorCode::NotCoordinator => unable(error),
        ErrorCode::ConcurrentTransactions if support != Support::Adds => unable(error),
        error => error.into(),
    }
}

fn unable(error: ErrorCode) -> ApiError {
    let cause = error.name();
    let text = format!(
        "Unable to verify the partition has been added to the transaction. Underlying error: {cause}"
    );
    ApiError::new(ErrorCode::NotEnoughReplicas, text)
}
