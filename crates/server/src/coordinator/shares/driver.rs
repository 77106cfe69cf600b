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
    /// Answers, each with how many of the records have to be written for it.
    completions: Vec<(usize, Token, ShareStateReply)>,
    /// Whose records are among them: the state does not show them yet.
    keys: BTreeSet<SharePartitionKey>,
}

/// A coordinator with all that it needs.
pub struct Driver<P> {
    clock: Clock,
    partition: P,
    settings: ShareDriverSettings,
    coordinator: ShareCoordinator,
    timers: Timers<ShareTimer>,
    commits: Commits<Asked>,
    /// The end of what this coordinator has read and written.
    end_offset: i64,
}

impl<P: SharePartition> AtWork for Driver<P> {
    type Asked = Vec<Asked>;

    fn ask(&mut self, all: Vec<Asked>) {
        let now_ms = self.clock.wall_ms();
        let mut decided = Undecided::default();
        for asked in all {
            if decided.keys.contains(&asked.key) {
                self.append(std::mem::take(&mut decided));
            }
            let token = self.commits.token();
            let partition_count = self.partition.partition_count(asked.key.topic_id);
            let context = ShareStateContext { now_ms, partition_count };
            let outcome = self.coordinator.handle(context, token, &asked.key, &asked.request);
            if !outcome.records.is_empty() {
                decided.keys.insert(asked.key.clone());
            }
            decided.records.extend(outcome.records);
            if let Some((token, reply)) = outcome.response.committed {
                decided.completions.push((decided.records.len(), token, reply));
            }
            self.commits.hold(token, asked);
        }
        self.append(decided);
        self.settle();
    }

    fn fire_timers(&mut self, now: Instant) {
        self.commits.expire(now, |()| None);
        while let Some(timer) = self.timers.take_due(now) {
            let outcome = self.coordinator.timer_fired(self.clock.wall_ms(), timer);
            self.carry_out(outcome);
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        let waiting = self.commits.next_deadline(|()| false);
        [self.timers.next_deadline(), waiting].into_iter().flatten().min()
    }

    fn settle(&mut self) {
        let high_watermark = self.partition.high_watermark();
        self.coordinator.high_watermark_moved(high_watermark);
        while self.commits.pop(high_watermark).is_some() {}
    }

    fn stop(self) {
        self.commits.stop();
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
        let deadline = self.clock.now() + self.settings.write_timeout;
        for (needed, token, reply) in completions {
            match failed {
                Some((written, error)) if needed > written => self.commits.refuse(token, error),
                _ => self.commits.wait(self.end_offset, deadline, Some((token, reply)), ()),
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
