//! The markers of decided transactions: ordered once the decision is committed, until every partition has its own, and
//! then the note that the transaction is complete.

use super::TransactionCoordinator;
use super::request::{Step, TransactionContext, TransactionOutcome, TransactionTimer};
use super::state::{NO_PRODUCER, Transaction, TransactionRecord, TransactionState, TxnPartition};
use klamm_protocol::{ErrorCode, StrBytes};
use std::collections::BTreeSet;
use std::sync::Arc;

/// When the note is tried again that could not be written.
const COMPLETE_RETRY_MS: i64 = 500;

/// A marker to be written into partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkerOrder {
    /// The transactional id.
    pub id: StrBytes,
    /// Whose transaction.
    pub producer_id: i64,
    /// The epoch that the marker carries.
    pub producer_epoch: i16,
    /// Commit or abort.
    pub is_commit: bool,
    /// The leader epoch of the coordinator's partition; partitions take no marker of an older coordinator.
    pub coordinator_epoch: i32,
    /// `transaction.version` by which it was decided.
    pub version: i16,
    /// Where.
    pub partitions: BTreeSet<TxnPartition>,
    /// Whether these have been tried before, so that it should not be at once.
    pub is_retry: bool,
}

/// What became of a marker in one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkerResult {
    /// The leader's answer.
    Answered(ErrorCode),
    /// The partition does not exist any more.
    Gone,
    /// Nobody could be asked.
    Unreachable,
}

/// A decided transaction on its way to being complete.
#[derive(Clone, Debug)]
pub(super) struct Unacknowledged {
    producer_id: i64,
    producer_epoch: i16,
    pub(super) partitions: BTreeSet<TxnPartition>,
    /// As it was decided: by this it is told from the next, which may have the same epoch.
    decided: Arc<Transaction>,
}

impl Unacknowledged {
    /// Whether an order may be for this decision. With versions 0 and 1 one for the other end may have the same epoch.
    fn is_ordered_by(&self, order: &MarkerOrder) -> bool {
        let is_commit = self.decided.state == TransactionState::PrepareCommit;
        (self.producer_id, self.producer_epoch, is_commit)
            == (order.producer_id, order.producer_epoch, order.is_commit)
    }
}

enum Fate {
    Written,
    Again,
    /// Somebody else has taken over the producer or the coordinator.
    Cancelled,
}

const fn fate(result: MarkerResult) -> Fate {
    match result {
        MarkerResult::Gone
        | MarkerResult::Answered(
            ErrorCode::None | ErrorCode::UnsupportedForMessageFormat | ErrorCode::UnsupportedVersion,
        ) => Fate::Written,
        MarkerResult::Answered(ErrorCode::InvalidProducerEpoch | ErrorCode::TransactionCoordinatorFenced) => {
            Fate::Cancelled
        }
        MarkerResult::Unreachable | MarkerResult::Answered(_) => Fate::Again,
    }
}

impl TransactionCoordinator {
    /// The decisions on these transactions are committed: orders their markers. As with [`Self::handle`].
    pub fn committed(&mut self, context: TransactionContext, decided: &[StrBytes]) -> TransactionOutcome {
        let mut step = Step::new(context);
        for id in decided {
            let Some(transaction) = self.committed_state().get(id).cloned() else { continue };
            let is_ordered = |waiting: &Unacknowledged| Arc::ptr_eq(&waiting.decided, &transaction);
            if !transaction.state.is_decided() || self.unacknowledged.get(id).is_some_and(is_ordered) {
                continue;
            }
            let order = self.order(id, transaction.partitions.clone(), false);
            self.unacknowledged.insert(
                id.clone(),
                Unacknowledged {
                    producer_id: transaction.producer_id,
                    producer_epoch: transaction.producer_epoch,
                    partitions: transaction.partitions.clone(),
                    decided: Arc::clone(&transaction),
                },
            );
            if transaction.partitions.is_empty() {
                self.complete(id, &mut step);
            } else if let Some(order) = order {
                step.order(order);
            }
        }
        step.finish()
    }

    fn order(
        &self,
        id: &StrBytes,
        partitions: BTreeSet<TxnPartition>,
        is_retry: bool,
    ) -> Option<MarkerOrder> {
        let transaction = self.committed_state().get(id)?;
        Some(MarkerOrder {
            id: id.clone(),
            producer_id: transaction.producer_id,
            producer_epoch: transaction.producer_epoch,
            is_commit: transaction.state == TransactionState::PrepareCommit,
            coordinator_epoch: self.coordinator_epoch,
            version: transaction.version,
            partitions,
            is_retry,
        })
    }

    /// Whether an order is of this coordinator, not of an earlier one of the same partition, and some of its markers are
    /// still to be written. The next transaction may have the same epoch, so that it would be ended by a marker too many.
    pub fn wants(&self, order: &MarkerOrder) -> bool {
        let waits = |waiting: &Unacknowledged| {
            waiting.is_ordered_by(order) && !waiting.partitions.is_disjoint(&order.partitions)
        };
        order.coordinator_epoch == self.coordinator_epoch
            && self.unacknowledged.get(&order.id).is_some_and(waits)
    }

    /// What became of an order; nothing comes of it if the order is of an earlier coordinator. As with [`Self::handle`].
    pub fn markers_answered(
        &mut self,
        context: TransactionContext,
        order: &MarkerOrder,
        results: &[(TxnPartition, MarkerResult)],
    ) -> TransactionOutcome {
        let mut step = Step::new(context);
        // An older order may be fenced where the one of this coordinator is not, and, where producers keep their epoch,
        // may be for an earlier transaction.
        if order.coordinator_epoch != self.coordinator_epoch {
            return step.finish();
        }
        let Some(waiting) = self.unacknowledged.get_mut(&order.id) else { return step.finish() };
        if !waiting.is_ordered_by(order) {
            return step.finish();
        }
        let mut again = BTreeSet::new();
        for (partition, result) in results {
            match fate(*result) {
                Fate::Written => drop(waiting.partitions.remove(partition)),
                Fate::Again => drop(again.insert(partition.clone())),
                Fate::Cancelled => {
                    self.unacknowledged.remove(&order.id);
                    return step.finish();
                }
            }
        }
        let is_complete = waiting.partitions.is_empty();
        if is_complete {
            self.complete(&order.id, &mut step);
        } else if !again.is_empty()
            && let Some(order) = self.order(&order.id, again, true)
        {
            step.order(order);
        }
        step.finish()
    }

    /// Notes that every partition has its marker. Until that is committed the note is tried again from time to time.
    pub(super) fn complete(&mut self, id: &StrBytes, step: &mut Step) {
        let Some(waiting) = self.unacknowledged.get(id).filter(|waiting| waiting.partitions.is_empty())
        else {
            return;
        };
        let is_same = |transaction: &Transaction| {
            transaction.state.is_decided()
                && (transaction.producer_id, transaction.producer_epoch)
                    == (waiting.producer_id, waiting.producer_epoch)
        };
        let Some(decided) = self.committed_state().get(id).filter(|transaction| is_same(transaction)) else {
            self.unacknowledged.remove(id);
            return;
        };
        // The note may be under way, and then another would follow it.
        if self.settled(id).is_ok() {
            let mut next = decided.next(step.now_ms);
            (next.producer_id, next.producer_epoch) = decided.producer_afterwards();
            next.next_producer_id = NO_PRODUCER;
            next.partitions.clear();
            next.state = match decided.state {
                TransactionState::PrepareCommit => TransactionState::CompleteCommit,
                _ => TransactionState::CompleteAbort,
            };
            step.record(TransactionRecord { id: id.clone(), transaction: Some(Arc::new(next)) });
        }
        step.set_timer(TransactionTimer::Complete { id: id.clone() }, COMPLETE_RETRY_MS);
    }
}
