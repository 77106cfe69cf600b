//! One group coordinator at work: appends what it decides, keeps its timers, and answers requests when they may be.
//!
//! Owned by its shard; nothing here waits. See [`GroupCoordinator::handle`] for the order of things.

use std::time::Duration;

use bytes::Bytes;
use klamm_coordinator::{
    Census, Cluster, Completion, Continuation, EndTransaction, GroupCoordinator, GroupRecord, Outcome, Reply,
    Request, RequestContext, TimerKey, Token,
};
use klamm_io::{Clock, Entropy, Instant};
use klamm_log::VerificationGuard;
use klamm_protocol::{ErrorCode, StrBytes, Uuid, records::CompressionType};
use klamm_timeline::TimerChange;
use tokio::sync::oneshot;
use tracing::warn;

use super::{
    commits::{Ask, Commits},
    counts::Cause,
    on_shard::AtWork,
    timers::Timers,
    write::{self, Writing},
};
use crate::{node::World, shard::requests::Transactional};

/// When a timer fires again whose outcome could not be written, as in Kafka.
const TIMER_RETRY: Duration = Duration::from_millis(500);

/// The partition that a coordinator keeps its records in.
pub trait Partition {
    /// Appends a batch. The offset of its first record, or why not.
    ///
    /// # Errors
    /// The code that a producer would get.
    fn append(&self, batch: Bytes, transactional: Transactional) -> Result<i64, ErrorCode>;

    /// What is committed.
    fn high_watermark(&self) -> i64;

    /// The largest batch that it takes, in bytes.
    fn batch_bytes_max(&self) -> usize;
}

/// A partition of `__consumer_offsets`, and the cluster around it.
pub trait GroupPartition: Partition {
    /// See [`GroupPartition::cluster`].
    type Cluster: Cluster;

    /// The cluster as it is now.
    fn cluster(&self) -> Self::Cluster;

    /// Counts what is to be written.
    fn count(&self, cause: Cause, records: &[GroupRecord]);

    /// Counts that an assignment of a classic group has taken effect.
    fn classic_group_rebalanced(&self);
}

/// A request to a coordinator, with where its answer goes.
#[derive(Debug)]
pub struct Asked {
    /// The version that the client speaks.
    pub api_version: i16,
    /// The client's id.
    pub client_id: StrBytes,
    /// The client's address.
    pub client_host: StrBytes,
    /// The request.
    pub request: Request,
    /// Of a TxnOffsetCommit: that the transaction's coordinator knows of it.
    pub guard: Option<VerificationGuard>,
    /// Takes the answer.
    pub reply: oneshot::Sender<Reply>,
}

impl Ask for Asked {
    type Reply = Reply;

    fn answer(self, reply: Reply) {
        let _ = self.reply.send(reply);
    }

    fn refuse(self, error: ErrorCode) {
        let reply = self.request.refuse(error, self.api_version);
        self.answer(reply);
    }
}

/// What a driver needs of the broker's config.
#[derive(Debug, Clone, Copy)]
pub struct DriverSettings {
    /// `offsets.topic.compression.codec`.
    pub compression: CompressionType,
    /// `offsets.commit.timeout.ms`: how long records may take to be committed.
    pub commit_timeout: Duration,
}

/// The transaction that records belong to.
#[derive(Debug, Clone, Copy)]
struct Transaction {
    /// Id and epoch.
    producer: (i64, i16),
    guard: Option<VerificationGuard>,
}

/// A coordinator with all that it needs.
pub struct Driver<P> {
    clock: Clock,
    entropy: Entropy,
    compression: CompressionType,
    commit_timeout: Duration,
    partition: P,
    coordinator: GroupCoordinator,
    timers: Timers<TimerKey>,
    commits: Commits<Asked, Option<Continuation>>,
    /// The end of what this coordinator has read and written.
    end_offset: i64,
}

impl<P: GroupPartition> AtWork for Driver<P> {
    type Asked = Asked;

    fn ask(&mut self, asked: Asked) {
        let token = self.commits.token();
        let context = RequestContext {
            api_version: asked.api_version,
            client_id: asked.client_id.clone(),
            client_host: asked.client_host.clone(),
            now_ms: self.now_ms(),
            entropy: self.entropy.next_16(),
        };
        let transaction = match &asked.request {
            Request::TxnOffsetCommit(commit) => Some(Transaction {
                producer: (commit.producer_id, commit.producer_epoch),
                guard: asked.guard,
            }),
            Request::EndTransaction(ended) => {
                let ended = *ended;
                self.commits.hold(token, asked);
                return self.end_transaction(token, ended);
            }
            _ => None,
        };
        let cluster = self.partition.cluster();
        let outcome = self.coordinator.handle(&context, &cluster, token, &asked.request);
        self.partition.count(Cause::of_request(&asked.request), &outcome.records);
        self.commits.hold(token, asked);
        self.carry_out(outcome, transaction);
        self.settle();
    }

    fn fire_timers(&mut self, now: Instant) {
        self.end_waiting(now);
        while let Some(key) = self.timers.take_due(now) {
            self.fire(now, &key);
        }
        self.settle();
    }

    fn next_deadline(&self) -> Option<Instant> {
        let waiting = self.commits.next_deadline(Option::is_some);
        [self.timers.next_deadline(), waiting].into_iter().flatten().min()
    }

    fn settle(&mut self) {
        loop {
            let high_watermark = self.partition.high_watermark();
            self.coordinator.high_watermark_moved(high_watermark);
            let Some(continuation) = self.commits.pop(high_watermark) else { return };
            if let Some(continuation) = continuation {
                if self.coordinator.completes_rebalance(&continuation) {
                    self.partition.classic_group_rebalanced();
                }
                let outcome = self.coordinator.committed(self.now_ms(), &continuation);
                self.carry_out(outcome, None);
            }
        }
    }

    fn stop(mut self) {
        let now_ms = self.now_ms();
        for completion in self.coordinator.unload(now_ms) {
            self.commits.answer(completion.token, completion.reply);
        }
        self.commits.stop();
    }
}

impl<P: GroupPartition> Driver<P> {
    /// How many groups there are, to be counted elsewhere.
    pub fn census(&self) -> Census {
        self.coordinator.census()
    }

    /// Takes over from the loader.
    pub fn begin(
        world: &World,
        settings: DriverSettings,
        partition: P,
        (coordinator, outcome): (GroupCoordinator, Outcome),
        end_offset: i64,
    ) -> Self {
        let mut driver = Self {
            clock: world.clock,
            entropy: world.entropy.clone(),
            compression: settings.compression,
            commit_timeout: settings.commit_timeout,
            partition,
            coordinator,
            timers: Timers::default(),
            commits: Commits::default(),
            end_offset,
        };
        driver.carry_out(outcome, None);
        driver.settle();
        driver
    }

    fn fire(&mut self, now: Instant, key: &TimerKey) {
        let cluster = self.partition.cluster();
        let outcome = self.coordinator.timer_fired(self.now_ms(), &cluster, key);
        self.partition.count(Cause::of_timer(key), &outcome.records);
        let is_written = self.carry_out(outcome, None);
        if !is_written && key.must_not_be_lost() {
            self.timers.change(now, TimerChange::Set { key: key.clone(), after: TIMER_RETRY });
        }
    }

    /// Answers what has waited for too long. It may be committed yet: clients have to be ready for either.
    fn end_waiting(&mut self, now: Instant) {
        let mut undone = Vec::new();
        self.commits.expire(now, |then| {
            undone.extend(then.filter(Continuation::is_undone_by_timeout));
            None
        });
        for continuation in undone {
            let outcome =
                self.coordinator.append_failed(self.now_ms(), &continuation, ErrorCode::RequestTimedOut);
            self.carry_out(outcome, None);
        }
    }

    /// Topics, by name and id, have been deleted.
    pub fn topics_deleted(&mut self, topics: &[(StrBytes, Uuid)]) {
        let cluster = self.partition.cluster();
        let outcome = self.coordinator.topics_deleted(self.now_ms(), &cluster, topics);
        self.carry_out(outcome, None);
        self.settle();
    }

    fn now_ms(&self) -> i64 {
        self.clock.wall_ms()
    }

    /// Returns whether the records, if there are any, have been written.
    fn carry_out(&mut self, outcome: Outcome, transaction: Option<Transaction>) -> bool {
        let Outcome { records, response, timers } = outcome;
        for completion in response.now {
            self.commits.answer(completion.token, completion.reply);
        }
        let now = self.clock.now();
        let may_split = response.committed.is_none() && response.continuation.is_none();
        let written = if records.is_empty() { Ok(()) } else { self.write(records, may_split, transaction) };
        for change in timers {
            // A member that is to leave and could not be written off stays, and so does its session.
            let is_lost = matches!(&change, TimerChange::Cancel { key } if key.must_not_be_lost());
            if written.is_ok() || !is_lost {
                self.timers.change(now, change);
            }
        }
        match written {
            Ok(()) => {
                if !may_split {
                    let completion = response.committed.map(|made| (made.token, made.reply));
                    let deadline = now + self.commit_timeout;
                    self.commits.wait(self.end_offset, deadline, completion, response.continuation);
                }
                true
            }
            Err(error) => {
                self.failed(error, response.committed, response.continuation);
                false
            }
        }
    }

    fn write(
        &mut self,
        records: Vec<GroupRecord>,
        may_split: bool,
        transaction: Option<Transaction>,
    ) -> Result<(), ErrorCode> {
        let now_ms = self.now_ms();
        let producer = transaction.map(|transaction| transaction.producer);
        let how = Writing {
            compression: self.compression,
            transaction: producer,
            base_sequence: 0,
            now_ms,
            batch_bytes_max: self.partition.batch_bytes_max(),
        };
        let guard = transaction.and_then(|transaction| transaction.guard);
        for batch in write::batches(records, GroupRecord::encode, may_split, how)? {
            let transactional = Transactional { guard, ..Transactional::default() };
            let base_offset = self.partition.append(batch.bytes, transactional)?;
            self.end_offset = base_offset + i64::try_from(batch.records.len()).unwrap_or(i64::MAX);
            self.coordinator.appended(&batch.records, base_offset, producer.map(|(id, _)| id), now_ms);
        }
        Ok(())
    }

    /// Writes a transaction's marker, by which its offsets become committed or are dropped.
    fn end_transaction(&mut self, token: Token, ended: EndTransaction) {
        let producer = (ended.producer_id, ended.producer_epoch);
        let marker = write::marker(producer, ended.is_commit, ended.coordinator_epoch, self.now_ms());
        let transactional = Transactional { guard: None, version: ended.transaction_version };
        match marker.and_then(|marker| self.partition.append(marker, transactional)) {
            Ok(offset) => {
                self.end_offset = offset + 1;
                self.coordinator.transaction_ended(ended.producer_id, ended.is_commit, self.end_offset);
                let deadline = self.clock.now() + self.commit_timeout;
                let completion = Some((token, Reply::EndTransaction(ErrorCode::None)));
                self.commits.wait(self.end_offset, deadline, completion, None);
                self.settle();
            }
            // The transaction's coordinator is to hear what the partition says, as of any other.
            Err(error) => self.commits.answer(token, Reply::EndTransaction(error)),
        }
    }

    fn failed(
        &mut self,
        error: ErrorCode,
        completion: Option<Completion>,
        continuation: Option<Continuation>,
    ) {
        warn!(error = error.name(), "a group coordinator cannot write");
        if let Some(completion) = completion {
            self.commits.refuse(completion.token, error);
        }
        if let Some(continuation) = continuation {
            let outcome = self.coordinator.append_failed(self.now_ms(), &continuation, error);
            self.carry_out(outcome, None);
        }
    }
}

#[cfg(test)]
mod tests;
