//! One transaction coordinator at work: appends what it decides, answers requests when that is committed, and has
//! markers written.
//!
//! Owned by its shard; nothing here waits. See [`TransactionCoordinator::handle`] for the order of things.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use klamm_coordinator::{
    Token,
    transaction::{
        MarkerOrder, TransactionContext, TransactionCoordinator, TransactionEffects, TransactionOutcome,
        TransactionRecord, TransactionReply, TransactionRequest, TransactionTimer,
    },
};
use klamm_io::{Clock, Instant};
use klamm_protocol::{
    ErrorCode, StrBytes,
    records::{CompressionType, NO_SEQUENCE},
};
use tokio::sync::oneshot;
use tracing::warn;

use super::markers::Written;
use crate::{
    coordinator::{
        driver::Partition,
        timers::Timers,
        write::{self, Writing},
    },
    node::World,
    shard::requests::Transactional,
};

/// How long a record may take to be committed before whoever waits for it is told to ask again. Kafka waits for as long
/// as the transaction may take, which is longer than clients wait.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(5);

/// What a transaction coordinator needs beside its partition.
pub trait TransactionPartition: Partition {
    /// The cluster's `transaction.version`.
    fn transaction_version(&self) -> i16;

    /// Has markers written; the coordinator is told what became of them.
    fn order(&self, order: MarkerOrder);

    /// Has a producer id fetched, for [`Driver::spare_producer_id`].
    fn want_producer_id(&self);
}

/// A request to a transaction coordinator, with where its answer goes.
#[derive(Debug)]
pub struct Asked {
    /// The request.
    pub request: TransactionRequest,
    /// A producer id that nobody has, should one be needed.
    pub fresh_producer_id: Option<i64>,
    /// Takes the answer.
    pub reply: oneshot::Sender<TransactionReply>,
}

impl Asked {
    /// Answers that it cannot be done here and now.
    pub fn refuse(self, error: ErrorCode) {
        // A client that has gone does not need an answer.
        let _ = self.reply.send(self.request.refuse(error));
    }
}

/// What waits for the high watermark.
struct Uncommitted {
    end_offset: i64,
    /// When whoever waits is told that it takes too long.
    deadline: Instant,
    completion: Option<(Token, TransactionReply)>,
    decided: Vec<StrBytes>,
}

/// A coordinator with all that it needs.
pub struct Driver<P> {
    clock: Clock,
    partition: P,
    coordinator: TransactionCoordinator,
    timers: Timers<TransactionTimer>,
    waiting: BTreeMap<Token, Asked>,
    uncommitted: VecDeque<Uncommitted>,
    /// The end of what this coordinator has read and written.
    end_offset: i64,
    next_token: u64,
    /// For what is decided without a request.
    spare_producer_id: Option<i64>,
}

impl<P: TransactionPartition> Driver<P> {
    /// Takes over from the loader.
    pub fn begin(
        world: &World,
        partition: P,
        (coordinator, outcome): (TransactionCoordinator, TransactionOutcome),
        end_offset: i64,
    ) -> Self {
        let mut driver = Self {
            clock: world.clock,
            partition,
            coordinator,
            timers: Timers::default(),
            waiting: BTreeMap::new(),
            uncommitted: VecDeque::new(),
            end_offset,
            next_token: 0,
            spare_producer_id: None,
        };
        driver.carry_out(outcome, true);
        driver.settle();
        driver
    }

    fn context(&self, fresh_producer_id: Option<i64>) -> TransactionContext {
        TransactionContext {
            now_ms: self.clock.wall_ms(),
            transaction_version: self.partition.transaction_version(),
            fresh_producer_id,
        }
    }

    /// Carries out a request.
    pub fn ask(&mut self, asked: Asked) {
        let token = Token(self.next_token);
        self.next_token += 1;
        let context = self.context(asked.fresh_producer_id);
        let outcome = self.coordinator.handle(context, token, &asked.request);
        self.waiting.insert(token, asked);
        self.carry_out(outcome, false);
        self.settle();
    }

    /// What became of markers that were ordered.
    pub fn markers_answered(&mut self, order: &MarkerOrder, results: &[Written]) {
        let outcome = self.coordinator.markers_answered(self.context(None), order, results);
        self.carry_out(outcome, true);
        self.settle();
    }

    /// A producer id for what is decided without a request.
    pub fn spare_producer_id(&mut self, producer_id: i64) {
        self.spare_producer_id = Some(producer_id);
    }

    /// Fires the timers that are due, and ends the waiting of what was not committed in time.
    pub fn fire_timers(&mut self, now: Instant) {
        self.end_waiting(now);
        while let Some(timer) = self.timers.take_due(now) {
            let context = self.context(self.spare_producer_id);
            let mut outcome = self.coordinator.timer_fired(context, &timer);
            if std::mem::take(&mut outcome.response.used_producer_id) {
                self.spare_producer_id = None;
            }
            if std::mem::take(&mut outcome.response.wants_producer_id) {
                self.partition.want_producer_id();
            }
            self.carry_out(outcome, true);
        }
        self.settle();
    }

    /// Tells whoever has waited for too long to ask again. It will find out what came of it.
    fn end_waiting(&mut self, now: Instant) {
        for late in self.uncommitted.iter_mut().take_while(|waiting| waiting.deadline <= now) {
            let token = late.completion.take().map(|(token, _)| token);
            if let Some(asked) = token.and_then(|token| self.waiting.remove(&token)) {
                asked.refuse(ErrorCode::RequestTimedOut);
            }
        }
    }

    /// When [`Self::fire_timers`] has something to do next.
    pub fn next_deadline(&self) -> Option<Instant> {
        let waiting = self.uncommitted.iter().find(|waiting| waiting.completion.is_some());
        [self.timers.next_deadline(), waiting.map(|waiting| waiting.deadline)].into_iter().flatten().min()
    }

    /// The partition's high watermark may have moved: does what has waited for that, and what comes of it.
    pub fn settle(&mut self) {
        loop {
            let high_watermark = self.partition.high_watermark();
            self.coordinator.high_watermark_moved(high_watermark);
            let is_committed = |next: &mut Uncommitted| next.end_offset <= high_watermark;
            let Some(next) = self.uncommitted.pop_front_if(is_committed) else { return };
            if let Some((token, reply)) = next.completion {
                self.complete(token, reply);
            }
            if !next.decided.is_empty() {
                let outcome = self.coordinator.committed(self.context(None), &next.decided);
                self.carry_out(outcome, true);
            }
        }
    }

    /// Ends: every request that waits is sent to another broker.
    pub fn stop(self) {
        for asked in self.waiting.into_values() {
            asked.refuse(ErrorCode::NotCoordinator);
        }
    }

    fn carry_out(&mut self, outcome: TransactionOutcome, may_split: bool) {
        let TransactionOutcome { records, response, timers } = outcome;
        let TransactionEffects { now, committed, decided, markers, .. } = response;
        for (token, reply) in now {
            self.complete(token, reply);
        }
        for order in markers {
            self.partition.order(order);
        }
        let now = self.clock.now();
        for change in timers {
            self.timers.change(now, change);
        }
        let written = if records.is_empty() { Ok(()) } else { self.write(records, may_split) };
        if let Err(error) = written {
            warn!(error = error.name(), "a transaction coordinator cannot write");
            if let Some(asked) = committed.and_then(|(token, _)| self.waiting.remove(&token)) {
                asked.refuse(error);
            }
            // What has been written before the failure is told apart by its state.
            self.wait_for_commit(now, None, decided);
        } else {
            self.wait_for_commit(now, committed, decided);
        }
    }

    fn wait_for_commit(
        &mut self,
        now: Instant,
        completion: Option<(Token, TransactionReply)>,
        decided: Vec<StrBytes>,
    ) {
        if completion.is_some() || !decided.is_empty() {
            let (end_offset, deadline) = (self.end_offset, now + COMMIT_TIMEOUT);
            self.uncommitted.push_back(Uncommitted { end_offset, deadline, completion, decided });
        }
    }

    fn write(&mut self, records: Vec<TransactionRecord>, may_split: bool) -> Result<(), ErrorCode> {
        let version = self.partition.transaction_version();
        let how = Writing {
            compression: CompressionType::None,
            transaction: None,
            base_sequence: NO_SEQUENCE,
            now_ms: self.clock.wall_ms(),
        };
        let batches =
            write::batches(records, |record: &TransactionRecord| record.encode(version), may_split, how)?;
        for batch in batches {
            let base_offset = self.partition.append(batch.bytes, Transactional::default())?;
            self.end_offset = base_offset + i64::try_from(batch.records.len()).unwrap_or(i64::MAX);
            self.coordinator.appended(&batch.records, self.end_offset);
        }
        Ok(())
    }

    fn complete(&mut self, token: Token, reply: TransactionReply) {
        if let Some(asked) = self.waiting.remove(&token) {
            // A client that has gone does not need an answer.
            let _ = asked.reply.send(reply);
        }
    }
}
