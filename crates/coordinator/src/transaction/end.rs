//! EndTxn (key 26): the decision to commit or abort a transaction.
//!
//! * v5 with transaction version 2 each end raises the epoch, and the answer says what comes next (KIP-890)
//!
//! A client that has not got its answer asks again. Before version 2 that shows by nothing; it is told what came of the
//! transaction. With version 2 it shows by its epoch, which is one behind, and an abort may be asked for at any time:
//! the client need not know whether there is anything to abort.

use super::init::{EPOCH_MAX, Undecided};
use super::request::{End, Step, TransactionReply};
use super::state::{NO_EPOCH, NO_PRODUCER, Transaction, TransactionRecord, TransactionState};
use super::{RAISES_EPOCHS_SINCE, TransactionCoordinator};
use klamm_protocol::ErrorCode;
use std::sync::Arc;

/// What is to be done with a request that is all right.
enum Verdict {
    /// The transaction is decided now.
    Decide,
    /// It has been before.
    Done,
}

impl TransactionCoordinator {
    pub(super) fn end(&self, request: &End, step: &mut Step) -> TransactionReply {
        match self.decide_end(request, step) {
            Ok(next) => TransactionReply::End(Ok(next)),
            Err(Undecided::Refused(error)) => TransactionReply::End(Err(error)),
            Err(Undecided::NeedsProducerId) => TransactionReply::NeedsProducerId,
        }
    }

    fn decide_end(&self, request: &End, step: &mut Step) -> Result<(i64, i16), Undecided> {
        if request.id.is_empty() {
            return Err(ErrorCode::InvalidRequest.into());
        }
        let raises_epochs = request.version >= RAISES_EPOCHS_SINCE;
        if !raises_epochs
            && !self.is_behind()
            && let Some(committed) = self.committed_state().get(&request.id)
        {
            // One that has been fenced is told so at once, whatever its successor is at.
            committed.is_of(request)?;
        }
        let current = self.settled(&request.id)?.ok_or(ErrorCode::InvalidProducerIdMapping)?;
        let verdict = if raises_epochs { current.judge(request)? } else { current.judge_plainly(request)? };
        match verdict {
            Verdict::Done if raises_epochs => Ok((current.producer_id, current.producer_epoch)),
            Verdict::Done => Ok((NO_PRODUCER, NO_EPOCH)),
            Verdict::Decide => {
                let version = if raises_epochs { request.version } else { 0 };
                let decided = current.decided(aim(request.is_commit), version, step)?;
                let (producer_id, producer_epoch) = decided.producer_afterwards();
                let transaction = Some(Arc::new(decided));
                step.record(TransactionRecord { id: request.id.clone(), transaction });
                step.send_markers(vec![request.id.clone()]);
                let next = (producer_id, producer_epoch);
                Ok(if raises_epochs { next } else { (NO_PRODUCER, NO_EPOCH) })
            }
        }
    }
}

const fn aim(is_commit: bool) -> TransactionState {
    if is_commit { TransactionState::PrepareCommit } else { TransactionState::PrepareAbort }
}

impl Transaction {
    /// Before transaction version 2.
    fn is_of(&self, request: &End) -> Result<(), ErrorCode> {
        if self.producer_id != request.producer_id {
            return Err(ErrorCode::InvalidProducerIdMapping);
        }
        if self.producer_epoch != request.producer_epoch {
            return Err(ErrorCode::ProducerFenced);
        }
        Ok(())
    }

    /// Before transaction version 2.
    fn judge_plainly(&self, request: &End) -> Result<Verdict, ErrorCode> {
        self.is_of(request)?;
        if self.is_being_completed() {
            return Err(ErrorCode::ConcurrentTransactions);
        }
        match (self.state, request.is_commit) {
            (TransactionState::Ongoing, _) => Ok(Verdict::Decide),
            (TransactionState::CompleteCommit, true) | (TransactionState::CompleteAbort, false) => {
                Ok(Verdict::Done)
            }
            _ => Err(ErrorCode::InvalidTxnState),
        }
    }

    /// Whether it is decided, and its markers are not all written. Nothing can be asked of it meanwhile: its client may have
    /// got the answer already, and be at its next transaction.
    const fn is_being_completed(&self) -> bool {
        matches!(self.state, TransactionState::PrepareCommit | TransactionState::PrepareAbort)
    }

    /// With transaction version 2.
    fn judge(&self, request: &End) -> Result<Verdict, ErrorCode> {
        // Before all else, since the producer id that the client has been given may not be in place yet.
        if self.is_being_completed() {
            return Err(ErrorCode::ConcurrentTransactions);
        }
        let is_current = request.producer_epoch == self.producer_epoch;
        let is_retry_over_id = self.previous_producer_id == request.producer_id
            && request.producer_epoch == EPOCH_MAX
            && self.producer_epoch == 0;
        let is_retry_over_epoch = i32::from(self.producer_epoch) == i32::from(request.producer_epoch) + 1;
        if self.producer_id != request.producer_id && !is_retry_over_id {
            return Err(ErrorCode::InvalidProducerIdMapping);
        }
        let is_retry = is_retry_over_id || is_retry_over_epoch;
        let may_ask = match self.state {
            TransactionState::CompleteCommit | TransactionState::CompleteAbort => is_retry || is_current,
            _ => is_current,
        };
        if !may_ask {
            return Err(ErrorCode::ProducerFenced);
        }
        match (self.state, request.is_commit) {
            (TransactionState::Ongoing, _) | (TransactionState::Empty, false) => Ok(Verdict::Decide),
            (TransactionState::CompleteCommit, true) | (TransactionState::CompleteAbort, false)
                if is_retry =>
            {
                Ok(Verdict::Done)
            }
            (TransactionState::CompleteCommit | TransactionState::CompleteAbort, false) if !is_retry => {
                Ok(Verdict::Decide)
            }
            _ => Err(ErrorCode::InvalidTxnState),
        }
    }

    /// The transaction, decided by a client or broker that works by this `transaction.version`.
    pub(super) fn decided(
        &self,
        state: TransactionState,
        version: i16,
        step: &mut Step,
    ) -> Result<Self, Undecided> {
        let mut next = Self { state, version, next_producer_id: NO_PRODUCER, ..self.next(step.now_ms) };
        if version < RAISES_EPOCHS_SINCE {
            return Ok(next);
        }
        if self.is_epoch_exhausted() {
            next.next_producer_id = step.producer_id()?;
        }
        // An epoch that should never have been given out must not stop the producer from being shut out.
        next.producer_epoch = self.producer_epoch.saturating_add(1);
        next.last_producer_epoch = self.producer_epoch;
        if self.state != TransactionState::Ongoing {
            // Nothing has been added to it, so that nobody knows when it began.
            next.started_ms = step.now_ms;
        }
        Ok(next)
    }

    /// The producer id and epoch when a decided transaction is complete.
    pub(super) const fn producer_afterwards(&self) -> (i64, i16) {
        if self.version >= RAISES_EPOCHS_SINCE && self.next_producer_id != NO_PRODUCER {
            (self.next_producer_id, 0)
        } else {
            (self.producer_id, self.producer_epoch)
        }
    }
}
