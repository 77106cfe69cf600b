//! One share coordinator at work: appends what it decides, and answers requests when that is committed.
//!
//! Owned by its shard; nothing here waits. See [`ShareCoordinator::handle`] for the order of things. The requests that
//! come together are appended together.

use std::{collections::BTreeSet, time::Duration};

use klamm_coordinator::{
    Token,
    share::{
        ShareCoordinator, ShareOutcome, SharePartitionKey, ShareRecord, ShareStateContext, ShareStateReply,
        ShareStateRequest, ShareTimer,
    },
};
use klamm_io::{Clock, Instant};
use klamm_protocol::{
    ErrorCode, Uuid,
    records::{CompressionType, NO_SEQUENCE},
};
use tokio::sync::oneshot;
use tracing::warn;

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

/// What a share coordinator needs beside its partition.
pub trait SharePartition: Partition {
    /// How many partitions a topic has, if there is one of this id.
    fn partition_count(&self, topic_id: Uuid) -> Option<i32>;

    /// Whether a topic of this id, which has been there, is not any more. No as long as that is not known.
    fn is_gone(&self, topic_id: &Uuid) -> bool;

    /// Counts a write of state.
    fn write_began(&self);

    /// Notes how long a write took until it was answered.
    fn write_ended(&self, now: Instant, took: Duration);

    /// Has the log's records before an offset deleted.
    fn delete_before(&self, offset: i64);
}

/// What a driver needs of the broker's config.
#[derive(Debug, Clone, Copy)]
pub struct ShareDriverSettings {
    /// `share.coordinator.state.topic.compression.codec`.
    pub compression: CompressionType,
    /// `share.coordinator.write.timeout.ms`.
    pub write_timeout: Duration,
}

/// A request to a share coordinator, with where its answer goes.
#[derive(Debug)]
pub struct Asked {
    /// The share partition.
    pub key: SharePartitionKey,
    /// The request.
    pub request: ShareStateRequest,
    /// Takes the answer.
    pub reply: oneshot::Sender<ShareStateReply>,
}

impl Ask for Asked {
    type Reply = ShareStateReply;

    fn answer(self, reply: ShareStateReply) {
        let _ = self.reply.send(reply);
    }

    fn refuse(self, error: ErrorCode) {
        let _ = self.reply.send(self.request.refuse_with(error));
    }
}

/// What is decided and not yet appended.
#[derive(Default)]
struct Undecided {
    records: Vec<ShareRecord>,
    /// Answers.
    completions: Vec<Decided>,
    /// Whose records are among them: the state does not show them yet.
    keys: BTreeSet<SharePartitionKey>,
}

/// An answer that waits for records.
struct Decided {
    /// How many of the records have to be written for it.
    needed: usize,
    token: Token,
    reply: ShareStateReply,
    /// When it was asked for, if it is a write's.
    write_began: Option<Instant>,
}

/// A coordinator with all that it needs.
pub struct Driver<P> {
    clock: Clock,
    partition: P,
    settings: ShareDriverSettings,
    coordinator: ShareCoordinator,
    timers: Timers<ShareTimer>,
    /// With when writes came.
    commits: Commits<Asked, Option<Instant>>,
    /// The end of what this coordinator has read and written.
    end_offset: i64,
}

impl<P: SharePartition> AtWork for Driver<P> {
    type Asked = Vec<Asked>;

    fn ask(&mut self, all: Vec<Asked>) {
        let (now, now_ms) = (self.clock.now(), self.clock.wall_ms());
        let mut decided = Undecided::default();
        for asked in all {
            if decided.keys.contains(&asked.key) {
                self.append(std::mem::take(&mut decided));
            }
            let token = self.commits.token();
            let partition_count = self.partition.partition_count(asked.key.topic_id);
            let context = ShareStateContext { now_ms, partition_count };
            let outcome = self.coordinator.handle(context, token, &asked.key, &asked.request);
            let is_write = matches!(asked.request, ShareStateRequest::Write(_));
            // A read that tells of a new leader epoch is a write as well, but of no length that anybody is told of.
            let is_update =
                matches!(asked.request, ShareStateRequest::Read { .. }) && !outcome.records.is_empty();
            if is_write || is_update {
                self.partition.write_began();
            }
            if !outcome.records.is_empty() {
                decided.keys.insert(asked.key.clone());
            }
            decided.records.extend(outcome.records);
            if let Some((token, reply)) = outcome.response.committed {
                let (needed, write_began) = (decided.records.len(), is_write.then_some(now));
                decided.completions.push(Decided { needed, token, reply, write_began });
            }
            self.commits.hold(token, asked);
        }
        self.append(decided);
        self.settle();
    }

    fn fire_timers(&mut self, now: Instant) {
        let partition = &self.partition;
        self.commits.expire(now, |write_began| {
            write_ended(partition, now, write_began);
            None
        });
        while let Some(timer) = self.timers.take_due(now) {
            let is_gone = |topic: &Uuid| self.partition.is_gone(topic);
            let outcome = self.coordinator.timer_fired(self.clock.wall_ms(), timer, is_gone);
            self.carry_out(outcome);
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        let waiting = self.commits.next_deadline(|_| false);
        [self.timers.next_deadline(), waiting].into_iter().flatten().min()
    }

    fn settle(&mut self) {
        let high_watermark = self.partition.high_watermark();
        self.coordinator.high_watermark_moved(high_watermark);
        let now = self.clock.now();
        while let Some(write_began) = self.commits.pop(high_watermark) {
            write_ended(&self.partition, now, write_began);
        }
    }

    fn stop(self) {
        self.commits.stop();
    }
}

fn write_ended(partition: &impl SharePartition, now: Instant, began: Option<Instant>) {
    if let Some(began) = began {
        partition.write_ended(now, now.saturating_since(began));
    }
}

impl<P: SharePartition> Driver<P> {
    /// Takes over from the loader.
    pub fn begin(
        world: &World,
        partition: P,
        settings: ShareDriverSettings,
        (coordinator, outcome): (ShareCoordinator, ShareOutcome),
        end_offset: i64,
    ) -> Self {
        let mut driver = Self {
            clock: world.clock,
            partition,
            settings,
            coordinator,
            timers: Timers::default(),
            commits: Commits::default(),
            end_offset,
        };
        driver.carry_out(outcome);
        driver
    }

    /// Forgets the share partitions of deleted topics.
    pub fn topics_deleted(&mut self, topics: &BTreeSet<Uuid>) {
        let outcome = self.coordinator.topics_deleted(topics);
        self.carry_out(outcome);
    }

    /// Carries out what nobody has asked for.
    fn carry_out(&mut self, outcome: ShareOutcome) {
        let now = self.clock.now();
        for change in outcome.timers {
            self.timers.change(now, change);
        }
        if let Some(offset) = outcome.response.delete_before {
            self.partition.delete_before(offset);
        }
        self.append(Undecided { records: outcome.records, ..Undecided::default() });
        self.settle();
    }

    fn append(&mut self, Undecided { records, completions, .. }: Undecided) {
        let failed = self.write(records).err();
        if let Some((_, error)) = failed {
            warn!(error = error.name(), "a share coordinator cannot write");
        }
        let now = self.clock.now();
        let deadline = now + self.settings.write_timeout;
        for Decided { needed, token, reply, write_began } in completions {
            match failed {
                Some((written, error)) if needed > written => {
                    self.commits.refuse(token, error);
                    write_ended(&self.partition, now, write_began);
                }
                _ => self.commits.wait(self.end_offset, deadline, Some((token, reply)), write_began),
            }
        }
    }

    /// Appends records. If it fails: how many have been appended before, and why.
    fn write(&mut self, records: Vec<ShareRecord>) -> Result<(), (usize, ErrorCode)> {
        let how = Writing {
            compression: self.settings.compression,
            transaction: None,
            base_sequence: NO_SEQUENCE,
            now_ms: self.clock.wall_ms(),
            batch_bytes_max: self.partition.batch_bytes_max(),
        };
        let batches = write::batches(records, ShareRecord::encode, true, how).map_err(|error| (0, error))?;
        let mut written = 0;
        for batch in batches {
            let appended = self.partition.append(batch.bytes, Transactional::default());
            let base_offset = appended.map_err(|error| (written, error))?;
            written += batch.records.len();
            self.end_offset = base_offset + i64::try_from(batch.records.len()).unwrap_or(i64::MAX);
            self.coordinator.appended(&batch.records, base_offset);
        }
        Ok(())
    }
}
