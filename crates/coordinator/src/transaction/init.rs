//! InitProducerId (key 22) of a transactional producer: gives the id its producer id and a new epoch, which fences every
//! producer before it (KIP-98).
//!
//! * v3 the producer may name the id and epoch that it has, and goes on with them after an error (KIP-360)

use super::request::{Init, Step, TransactionReply};
use super::state::{NO_EPOCH, NO_TIMEOUT, Transaction, TransactionRecord, TransactionState};
use super::{RAISES_EPOCHS_SINCE, TransactionCoordinator};
use klamm_protocol::ErrorCode;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The last epoch that a producer may have; one more is left for fencing it.
pub(super) const EPOCH_MAX: i16 = i16::MAX - 1;

/// Why something cannot be decided.
pub(super) enum Undecided {
    /// The client is told so.
    Refused(ErrorCode),
    /// A producer id has to be had first.
    NeedsProducerId,
}

impl From<ErrorCode> for Undecided {
    fn from(error: ErrorCode) -> Self {
        Self::Refused(error)
    }
}

impl Step {
    pub(super) fn producer_id(&mut self) -> Result<i64, Undecided> {
        self.take_producer_id().ok_or(Undecided::NeedsProducerId)
    }
}

impl TransactionCoordinator {
    pub(super) fn init(&self, request: &Init, step: &mut Step) -> TransactionReply {
        match self.decide_init(request, step) {
            Ok(granted) => TransactionReply::Init(granted),
            Err(Undecided::Refused(error)) => TransactionReply::Init(Err(error)),
            Err(Undecided::NeedsProducerId) => TransactionReply::NeedsProducerId,
        }
    }

    /// `Ok(Err)` is an answer that comes with records.
    fn decide_init(
        &self,
        request: &Init,
        step: &mut Step,
    ) -> Result<Result<(i64, i16), ErrorCode>, Undecided> {
        let timeout_ms = if request.is_two_phase { NO_TIMEOUT } else { request.timeout_ms };
        if !request.is_two_phase && !(1..=self.settings.timeout_ms_max).contains(&timeout_ms) {
            return Err(ErrorCode::InvalidTransactionTimeout.into());
        }
        let current = match self.settled(&request.id)? {
            Some(current) => current,
            None => Arc::new(Transaction::new(step.producer_id()?, timeout_ms)),
        };
        if current.state.is_decided() {
            // Before the id is looked at: a producer may have been told already which one it is to have then.
            return Err(ErrorCode::ConcurrentTransactions.into());
        }
        if !request.expected.is_none_or(|expected| current.may_go_on_as(expected)) {
            return Err(ErrorCode::ProducerFenced.into());
        }
        if current.state == TransactionState::Ongoing {
            // The client has to come again, and gets another epoch then: this one is nobody's.
            let fenced = current.fence(step)?;
            step.record(TransactionRecord { id: request.id.clone(), transaction: Some(Arc::new(fenced)) });
            step.send_markers(vec![request.id.clone()]);
            return Ok(Err(ErrorCode::ConcurrentTransactions));
        }
        let mut next = current.initialised(request.expected, step)?;
        next.timeout_ms = timeout_ms;
        let granted = (next.producer_id, next.producer_epoch);
        step.record(TransactionRecord { id: request.id.clone(), transaction: Some(Arc::new(next)) });
        Ok(Ok(granted))
    }
}

impl Transaction {
    pub(super) const fn is_epoch_exhausted(&self) -> bool {
        self.producer_epoch >= EPOCH_MAX
    }

    /// Whether a producer may go on that has this id and epoch. A producer whose epochs have run out may not have heard
    /// of its new id yet.
    const fn may_go_on_as(&self, (producer_id, epoch): (i64, i16)) -> bool {
        self.producer_epoch == NO_EPOCH
            || producer_id == self.producer_id
            || (producer_id == self.previous_producer_id && epoch >= EPOCH_MAX)
    }

    /// The producer with its next epoch.
    fn initialised(&self, expected: Option<(i64, i16)>, step: &mut Step) -> Result<Self, Undecided> {
        let mut next = Self {
            state: TransactionState::Empty,
            partitions: BTreeSet::new(),
            started_ms: -1,
            ..self.next(step.now_ms)
        };
        let expected = expected.map(|(_, epoch)| epoch);
        if self.is_epoch_exhausted() && expected.is_none_or(|epoch| epoch == self.producer_epoch) {
            next.producer_id = step.producer_id()?;
            next.producer_epoch = 0;
            next.last_producer_epoch = expected.map_or(NO_EPOCH, |_| self.producer_epoch);
            return Ok(next);
        }
        match expected {
            None => next.last_producer_epoch = NO_EPOCH,
            Some(epoch) if self.producer_epoch == NO_EPOCH || epoch == self.producer_epoch => {
                next.last_producer_epoch = self.producer_epoch;
            }
            // Asked before, and the answer was lost: no other producer has been initialised since.
            Some(epoch) if epoch == self.last_producer_epoch => return Ok(next),
            Some(_) => return Err(ErrorCode::ProducerFenced.into()),
        }
        next.producer_epoch = self.producer_epoch.saturating_add(1);
        Ok(next)
    }

    /// The abort of a transaction whose producer is shut out, as another takes its place or it has taken too long.
    pub(super) fn fence(&self, step: &mut Step) -> Result<Self, Undecided> {
        if step.transaction_version >= RAISES_EPOCHS_SINCE {
            return self.decided(TransactionState::PrepareAbort, step.transaction_version, step);
        }
        let mut next = self.decided(TransactionState::PrepareAbort, 0, step)?;
        next.producer_epoch = self.producer_epoch.saturating_add(1);
        next.last_producer_epoch = NO_EPOCH;
        Ok(next)
    }
}
