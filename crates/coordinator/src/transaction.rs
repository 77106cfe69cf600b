//! The transaction coordinator: which transactional id has which producer id and epoch, and how far its transaction is.
//!
//! One [`TransactionCoordinator`] looks after the transactional ids of one partition of `__transaction_state`
//! (KIP-98, KIP-360, KIP-447, KIP-890). A transaction is `Ongoing` from its first partition on; its end is decided by a
//! record (`PrepareCommit` or `PrepareAbort`) and from then on cannot be undone: the coordinator has markers written
//! into all its partitions, over restarts and changes of leader, and then notes that it is complete.
//!
//! Read first: `state.rs`, then one file for each thing that can be asked.
//!
//! Invariants
//! * Markers are only ordered for a decision that is committed.
//! * A transactional id has at most one record under way. Until that is committed or lost, everybody else is told
//!   CONCURRENT_TRANSACTIONS, on which clients retry.
//!
//! *Non-obvious*
//! * Whether a record is under way is not kept anywhere: the tentative state then differs from the committed one.
//! * With transaction version 2 every end of a transaction raises the epoch, so that a late batch of it belongs to no
//!   later one; the marker carries the raised epoch. When epochs run out a new producer id takes over.
//! * Where Kafka forgets that a write is under way when it takes too long, here it stays known until its fate is.

mod add_partitions;
mod describe;
mod end;
mod init;
mod markers;
mod request;
mod state;
mod upkeep;

use crate::token::Token;
use crate::write_error::coordinator_error;
use klamm_protocol::{ErrorCode, StrBytes};
use klamm_timeline::Timeline;
use std::collections::BTreeMap;
use std::sync::Arc;

use markers::Unacknowledged;
use request::Step;
use state::Transaction;

pub use markers::{MarkerOrder, MarkerResult};
pub use request::{
    End, Init, ListFilters, Partitions, TransactionContext, TransactionEffects, TransactionOutcome,
    TransactionReply, TransactionRequest, TransactionSettings, TransactionTimer,
};
pub use state::{TransactionRecord, TransactionState, TransactionsState, TxnPartition};

/// The first transaction version in which every transaction has an epoch of its own (KIP-890).
const RAISES_EPOCHS_SINCE: i16 = 2;

/// Replays a partition of `__transaction_state` for its new coordinator.
#[derive(Debug)]
pub struct TransactionLoader {
    settings: TransactionSettings,
    timeline: Timeline<TransactionsState>,
}

impl TransactionLoader {
    /// Starts with nothing, at the partition's log start offset.
    pub fn new(settings: TransactionSettings, log_start_offset: i64) -> Self {
        Self { settings, timeline: Timeline::new(TransactionsState::default(), log_start_offset) }
    }

    /// Takes the records of the next batch, which ends before `end_offset`.
    pub fn replay(&mut self, records: &[TransactionRecord], end_offset: i64, high_watermark: i64) {
        self.timeline.load(records, end_offset, high_watermark);
    }

    /// The coordinator, in the leader epoch of its partition, and what it asks for to begin with: timers, and the markers
    /// of what its predecessor decided.
    pub fn finish(self, coordinator_epoch: i32) -> (TransactionCoordinator, TransactionOutcome) {
        let Self { settings, timeline } = self;
        let mut step = Step::new(TransactionContext::default());
        let decided = timeline.tentative().iter().filter(|(_, transaction)| transaction.state.is_decided());
        step.send_markers(decided.map(|(id, _)| id.clone()).collect());
        step.set_timer(TransactionTimer::AbortLate, settings.abort_interval_ms);
        step.set_timer(TransactionTimer::Expire, settings.expiration_interval_ms);
        let loaded_end_offset = timeline.tentative_end_offset();
        let unacknowledged = BTreeMap::new();
        let coordinator = TransactionCoordinator {
            settings,
            coordinator_epoch,
            timeline,
            loaded_end_offset,
            unacknowledged,
        };
        (coordinator, step.finish())
    }
}

/// The transactional ids of one partition of `__transaction_state`.
#[derive(Debug)]
pub struct TransactionCoordinator {
    settings: TransactionSettings,
    coordinator_epoch: i32,
    timeline: Timeline<TransactionsState>,
    /// The end of what was loaded.
    loaded_end_offset: i64,
    /// Decided transactions whose markers are not all written.
    unacknowledged: BTreeMap<StrBytes, Unacknowledged>,
}

impl TransactionCoordinator {
    /// Decides on a request. The driver then
    /// 1. completes `response.now`,
    /// 2. appends `records`, as one batch, and calls [`Self::appended`], or, if it cannot, refuses the request of
    ///    `response.committed`,
    /// 3. changes the timers,
    /// 4. when everything appended so far is committed, completes `response.committed` and calls [`Self::committed`]
    ///    with `response.decided`.
    pub fn handle(
        &mut self,
        context: TransactionContext,
        token: Token,
        request: &TransactionRequest,
    ) -> TransactionOutcome {
        let mut step = Step::new(context);
        let reply = match request {
            TransactionRequest::Init(request) => self.init(request, &mut step),
            TransactionRequest::AddPartitions(request) => {
                let error = self.add_partitions(request, &mut step).err().unwrap_or(ErrorCode::None);
                TransactionReply::AddPartitions(error)
            }
            TransactionRequest::Verify(request) => TransactionReply::Verify(self.verify(request)),
            TransactionRequest::End(request) => self.end(request, &mut step),
            TransactionRequest::Describe { ids } => {
                TransactionReply::Describe(ids.iter().map(|id| self.describe(id)).collect())
            }
            TransactionRequest::List(filters) => TransactionReply::List(self.list(filters, context.now_ms)),
        };
        match request {
            // What is seen of others' transactions is committed anyway.
            TransactionRequest::Verify(_)
            | TransactionRequest::Describe { .. }
            | TransactionRequest::List(_) => step.complete(token, reply),
            _ => step.complete_when_committed(token, reply),
        }
        step.finish()
    }

    /// A timer has fired. As with [`Self::handle`].
    pub fn timer_fired(
        &mut self,
        context: TransactionContext,
        timer: &TransactionTimer,
    ) -> TransactionOutcome {
        let mut step = Step::new(context);
        match timer {
            TransactionTimer::AbortLate => self.abort_late(&mut step),
            TransactionTimer::Expire => self.expire(&mut step),
            TransactionTimer::Complete { id } => self.complete(id, &mut step),
        }
        step.finish()
    }

    /// The records of an outcome have been appended; `end_offset` is the offset after them.
    pub fn appended(&mut self, records: &[TransactionRecord], end_offset: i64) {
        self.timeline.apply(records, end_offset);
    }

    /// The partition's high watermark has moved.
    pub fn high_watermark_moved(&mut self, high_watermark: i64) {
        self.timeline.commit(high_watermark);
    }

    /// Everything appended so far.
    pub fn state(&self) -> &TransactionsState {
        self.timeline.tentative()
    }

    /// What the high watermark has passed.
    pub fn committed_state(&self) -> &TransactionsState {
        self.timeline.committed()
    }

    /// Whether some of what was loaded is not known to be committed. A new leader's high watermark lags behind what its
    /// predecessor has answered for.
    const fn is_behind(&self) -> bool {
        self.timeline.committed_end_offset() < self.loaded_end_offset
    }

    /// What a transactional id is, once no record of it is under way.
    ///
    /// # Errors
    /// CONCURRENT_TRANSACTIONS if there is one.
    fn settled(&self, id: &str) -> Result<Option<Arc<Transaction>>, ErrorCode> {
        let committed = self.committed_state().get(id);
        let is_same = match (committed, self.state().get(id)) {
            (None, None) => true,
            (Some(committed), Some(tentative)) => Arc::ptr_eq(committed, tentative),
            _ => false,
        };
        if is_same { Ok(committed.cloned()) } else { Err(ErrorCode::ConcurrentTransactions) }
    }
}

/// What clients are told of a failure to write to the coordinator's partition, or to find it.
pub(crate) fn refusal(error: ErrorCode) -> ErrorCode {
    coordinator_error(error)
}
