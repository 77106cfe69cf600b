//! AddPartitionsToTxn (key 24), AddOffsetsToTxn (key 25): what takes part in a transaction.
//!
//! * AddPartitionsToTxn v4 brokers ask whether partitions take part, or add them for their clients (KIP-890)

use super::TransactionCoordinator;
use super::request::{Partitions, Step};
use super::state::{Transaction, TransactionRecord, TransactionState, TxnPartition};
use klamm_protocol::ErrorCode;
use std::sync::Arc;

impl TransactionCoordinator {
    pub(super) fn add_partitions(&self, request: &Partitions, step: &mut Step) -> Result<(), ErrorCode> {
        if request.id.is_empty() {
            return Err(ErrorCode::InvalidRequest);
        }
        let current = self.settled(&request.id)?.ok_or(ErrorCode::InvalidProducerIdMapping)?;
        if current.state.is_decided() {
            // Before the id and the epoch are looked at: a producer may have been told already what it is to be when the
            // markers are written.
            return Err(ErrorCode::ConcurrentTransactions);
        }
        current.check(request)?;
        let is_ongoing = current.state == TransactionState::Ongoing;
        if is_ongoing && request.partitions.is_subset(&current.partitions) {
            return Ok(());
        }
        let mut next = current.next(step.now_ms);
        next.state = TransactionState::Ongoing;
        next.version = request.version;
        let added = request.partitions.iter();
        next.partitions
            .extend(added.map(|added| TxnPartition { topic: added.topic.detached(), index: added.index }));
        if !is_ongoing {
            next.started_ms = step.now_ms;
        }
        step.record(TransactionRecord { id: request.id.clone(), transaction: Some(Arc::new(next)) });
        Ok(())
    }

    /// Whether partitions take part in the transaction. What is under way does not count, and is looked for again; of
    /// what a predecessor left under way, nobody knows yet whether it counts.
    pub(super) fn verify(&self, request: &Partitions) -> Vec<(TxnPartition, ErrorCode)> {
        let checked = if request.id.is_empty() {
            Err(ErrorCode::InvalidRequest)
        } else if self.is_behind() {
            Err(ErrorCode::CoordinatorLoadInProgress)
        } else {
            let current = self.committed_state().get(&request.id);
            current
                .ok_or(ErrorCode::InvalidProducerIdMapping)
                .and_then(|current| current.check(request).map(|()| current))
        };
        let answer = |partition: &TxnPartition| match checked {
            Ok(current) if current.partitions.contains(partition) => ErrorCode::None,
            Ok(_) => ErrorCode::TransactionAbortable,
            Err(error) => error,
        };
        request.partitions.iter().map(|partition| (partition.clone(), answer(partition))).collect()
    }
}

impl Transaction {
    fn check(&self, request: &Partitions) -> Result<(), ErrorCode> {
        if self.producer_id != request.producer_id {
            Err(ErrorCode::InvalidProducerIdMapping)
        } else if self.producer_epoch != request.producer_epoch {
            Err(ErrorCode::ProducerFenced)
        } else if self.state.is_decided() {
            Err(ErrorCode::ConcurrentTransactions)
        } else {
            Ok(())
        }
    }
}
