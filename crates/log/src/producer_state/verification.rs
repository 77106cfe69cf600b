//! Transactions on their way into this log: producers that have been, or are being, looked up at their coordinator
//! before the first batch of a transaction is taken (KIP-890).
//!
//! Without it a late batch could open a transaction here that no coordinator knows of, and that nobody would ever end.

use std::collections::BTreeMap;

/// Names one verification, so that the answer to an earlier one does not let a batch of a later transaction in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerificationGuard(u64);

/// A producer whose next transaction here is being verified.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verification {
    guard: VerificationGuard,
    started_ms: i64,
    /// Of the transaction.
    pub(crate) producer_epoch: i16,
    /// The lowest sequence of the batches that wait: a higher one must not overtake it.
    pub(crate) lowest_sequence: i32,
    /// Whether the producer's epoch is raised with every transaction (transaction version 2).
    pub(crate) raises_epochs: bool,
}

/// By producer.
#[derive(Default)]
pub(crate) struct Verifications {
    by_producer: BTreeMap<i64, Verification>,
    last_guard: u64,
}

impl Verifications {
    pub(crate) fn get(&self, producer_id: i64) -> Option<&Verification> {
        self.by_producer.get(&producer_id)
    }

    /// Whether batches that come with `guard` have been verified.
    pub(crate) fn admits(&self, producer_id: i64, guard: Option<VerificationGuard>) -> bool {
        self.get(producer_id).is_some_and(|known| Some(known.guard) == guard)
    }

    /// Starts a verification, or joins the one that is under way.
    pub(crate) fn start(
        &mut self,
        (producer_id, producer_epoch): (i64, i16),
        sequence: i32,
        raises_epochs: bool,
        now_ms: i64,
    ) -> VerificationGuard {
        let Self { by_producer, last_guard } = self;
        let entry = by_producer.entry(producer_id).or_insert_with(|| {
            *last_guard += 1;
            Verification {
                guard: VerificationGuard(*last_guard),
                started_ms: now_ms,
                producer_epoch,
                lowest_sequence: sequence,
                raises_epochs,
            }
        });
        if producer_epoch > entry.producer_epoch
            || (producer_epoch == entry.producer_epoch && sequence < entry.lowest_sequence)
        {
            entry.producer_epoch = producer_epoch;
            entry.lowest_sequence = sequence;
        }
        entry.guard
    }

    /// A transactional batch has been written. A marker whose epoch is that of the verification ended the transaction
    /// before: with transaction version 2 the one that is being verified is the next.
    pub(crate) fn written(&mut self, producer_id: i64, producer_epoch: i16, is_marker: bool) {
        let is_of_next =
            |known: &Verification| known.raises_epochs && is_marker && producer_epoch == known.producer_epoch;
        if self.get(producer_id).is_some_and(|known| !is_of_next(known)) {
            self.by_producer.remove(&producer_id);
        }
    }

    /// Forgets those that have led to nothing.
    pub(crate) fn remove_expired(&mut self, now_ms: i64, expiration_ms: i64) {
        self.by_producer.retain(|_, known| now_ms.saturating_sub(known.started_ms) < expiration_ms);
    }

    pub(crate) fn clear(&mut self) {
        self.by_producer.clear();
    }
}
