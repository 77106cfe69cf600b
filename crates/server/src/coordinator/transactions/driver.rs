//! One transaction coordinator at work: appends what it decides, answers requests when that is committed, and has
//! markers written.
//!
//! Owned by its shard; nothing here waits. See [`TransactionCoordinator::handle`] for the order of things.

use std::time::Duration;

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
        commits::{Ask, Commits},
        driver::Partition,
        on_shard::AtWork,
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

impl Ask for Asked {
    type Reply = TransactionReply;

    fn answer(self, reply: TransactionReply) {
        let _ = self.reply.send(reply);
    }

    fn refuse(self, error: ErrorCode) {
        let _ = self.reply.send(self.request.refuse(error));
    }
}

/// The transactional ids of which something was decided, which goes on when that is committed.
type Decided = Vec<StrBytes>;

/// A coordinator with all that it needs.
pub struct Driver<P> {
    clock: Clock,
    partition: P,
    coordinator: TransactionCoordinator,
    timers: Timers<TransactionTimer>,
    commits: Commits<Asked, Decided>,
    /// The end of what this coordinator has read and written.
    end_offset: i64,
    /// For what is decided without a request.
    spare_producer_id: Option<i64>,
}

impl<P: TransactionPartition> AtWork for Driver<P> {
    type Asked = Asked;

    fn ask(&mut self, asked: Asked) {
        let token = self.commits.token();
        let context = self.context(asked.fresh_producer_id);
        let outcome = self.coordinator.handle(context, token, &asked.request);
        self.commits.hold(token, asked);
        self.carry_out(outcome, false);
        self.settle();
    }

    fn fire_timers(&mut self, now: Instant) {
        // Who is told to ask again will find out what came of it.
        self.commits.expire(now, |decided| Some(decided).filter(|decided| !decided.is_empty()));
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

    fn next_deadline(&self) -> Option<Instant> {
        let waiting = self.commits.next_deadline(|_| false);
        [self.timers.next_deadline(), waiting].into_iter().flatten().min()
    }

    fn settle(&mut self) {
        loop {
            let high_watermark = self.partition.high_watermark();
            self.coordinator.high_watermark_moved(high_watermark);
            let Some(decided) = self.commits.pop(high_watermark) else { return };
            if !decided.is_empty() {
                let outcome = self.coordinator.committed(self.context(None), &decided);
                self.carry_out(outcome, true);
            }
        }
    }

    fn stop(self) {
        self.commits.stop();
    }
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
            commits: Commits::default(),
            end_offset,
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

    /// Whether markers that were ordered are still to be written.
    pub fn wants(&self, order: &MarkerOrder) -> bool {
        self.coordinator.wants(order)
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

    fn carry_out(&mut self, outcome: TransactionOutcome, may_split: bool) {
        let TransactionOutcome { records, response, timers } = outcome;
        let TransactionEffects { now, committed, mut decided, markers, .. } = response;
        for (token, reply) in now {
            self.commits.answer(token, reply);
        }
        for order in markers {
            self.partition.order(order);
        }
        let now = self.clock.now();
        for change in timers {
            self.timers.change(now, change);
        }
        let mut appended = Vec::new();
        let written = if records.is_empty() { Ok(()) } else { self.write(records, may_split, &mut appended) };
        if let Err(error) = written {
            warn!(error = error.name(), "a transaction coordinator cannot write");
            if let Some((token, _)) = committed {
                self.commits.refuse(token, error);
            }
            // What was not written is decided anew, and would then be ordered once for each time.
            decided.retain(|id| appended.contains(id));
            self.wait_for_commit(now, None, decided);
        } else {
            self.wait_for_commit(now, committed, decided);
        }
    }

    fn wait_for_commit(
        &mut self,
        now: Instant,
        completion: Option<(Token, TransactionReply)>,
        decided: Decided,
    ) {
        if completion.is_some() || !decided.is_empty() {
            self.commits.wait(self.end_offset, now + COMMIT_TIMEOUT, completion, decided);
        }
    }

    /// Appends records. `appended` gets whose they are, also of those before a failure.
    fn write(
        &mut self,
        records: Vec<TransactionRecord>,
        may_split: bool,
        appended: &mut Decided,
    ) -> Result<(), ErrorCode> {
        let version = self.partition.transaction_version();
        let how = Writing {
            compression: CompressionType::None,
            transaction: None,
            base_sequence: NO_SEQUENCE,
            now_ms: self.clock.wall_ms(),
            batch_bytes_max: self.partition.batch_bytes_max(),
        };
        let batches =
            write::batches(records, |record: &TransactionRecord| record.encode(version), may_split, how)?;
        for batch in batches {
            let base_offset = self.partition.append(batch.bytes, Transactional::default())?;
            self.end_offset = base_offset + i64::try_from(batch.records.len()).unwrap_or(i64::MAX);
            self.coordinator.appended(&batch.records, self.end_offset);
            appended.extend(batch.records.iter().map(|record| record.id().clone()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
