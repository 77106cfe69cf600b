//! What a shard does by itself: flushing, rolling, retention, forgetting idle producers.
//!
//! Syncs run on a thread of their own; the shard only hears of their end. A sync that fails takes the log directory
//! offline and is not tried again: the system may have dropped the pages that it could not write.

use std::{
    collections::{BTreeMap, VecDeque},
    rc::Rc,
    time::Duration,
};

use klamm_config::broker;
use klamm_io::{Instant, spawn};
use klamm_log::{FlushHandle, Flushed, PendingDeletion};
use klamm_protocol::Uuid;
use tracing::warn;

use super::{
    requests::{PartitionOffsets, TopicPartition},
    run::Shard,
};
use crate::partition::Partition;

/// How often partitions are looked at for what is due; flushes by time are as punctual as this.
const TICK: Duration = Duration::from_millis(500);

/// Syncs that a shard may have under way; each may hold several files open.
const SYNCS_MAX: usize = 64;

/// The topic that a log is of, and the index of its directory.
type LogOf = (Uuid, usize);

/// Whether a partition still has the log: by now it may be another topic's of the same name, or in another directory.
fn is_of(partition: &Partition, (topic_id, log_dir): LogOf) -> bool {
    partition.topic_id() == topic_id && partition.log_dir() == log_dir
}

/// Runs until the shard ends.
pub(super) async fn run(shard: Rc<Shard>) {
    let clock = shard.node.world.clock;
    let config = shard.node.config.load_full();
    let ms = |value: i64| Duration::from_millis(u64::try_from(value).unwrap_or(u64::MAX));
    let retention = ms(config.get(&broker::LOG_RETENTION_CHECK_INTERVAL_MS));
    let expiration = ms(i64::from(config.get(&broker::PRODUCER_ID_EXPIRATION_CHECK_INTERVAL_MS)));
    // Kafka waits 30 seconds before the first round (log.initial.task.delay.ms).
    let delay = ms(config.get(&broker::LOG_INITIAL_TASK_DELAY_MS));
    let mut next_retention = clock.now() + delay;
    let mut next_expiration = clock.now() + expiration;
    let due = |next: &mut Instant, interval: Duration| {
        let is_due = clock.now() >= *next;
        if is_due {
            *next = clock.now() + interval;
        }
        is_due
    };
    loop {
        clock.sleep(TICK).await;
        shard.partitions.borrow_mut().wake_timed();
        shard.flush_due();
        if due(&mut next_retention, retention) {
            shard.retain(|_| true);
        }
        if due(&mut next_expiration, expiration) {
            let now_ms = clock.wall_ms();
            for partition in shard.partitions.borrow_mut().iter_mut() {
                partition.log.remove_expired_producers(now_ms);
            }
        }
    }
}

impl Shard {
    /// How many shards the node has.
    pub(super) fn shard_count(&self) -> usize {
        self.node.shard_count
    }

    /// Starts a sync of every partition that is due, as many as may be under way at once.
    pub(crate) fn flush_due(self: &Rc<Self>) {
        let now_ms = self.node.world.clock.wall_ms();
        let mut failed = Vec::new();
        let mut partitions = self.partitions.borrow_mut();
        while self.syncs.get() < SYNCS_MAX
            && let Some(partition) = partitions.next_noted()
        {
            if self.node.log_dirs.is_offline(partition.log_dir()) {
                failed.push(partition.at().clone());
                continue;
            }
            if !partition.log.needs_flush(now_ms) {
                if partition.log.flush_deadline_ms().is_some() {
                    let at = partition.at().clone();
                    partitions.look_later(at);
                }
                continue;
            }
            let is_timed = partition.log.config().flush_ms < i64::MAX;
            let include_active = is_timed || partition.log.reaches_flush_messages();
            match partition.log.flush_handle(include_active) {
                Ok(handle) => self.sync(partition, handle),
                Err(error) => {
                    self.node.log_dirs.fail(partition.log_dir(), &error);
                    failed.push(partition.at().clone());
                }
            }
        }
        drop(partitions);
        failed.iter().for_each(|at| self.replication().not_synced(self, at));
    }

    /// Syncs on another thread; the partition is looked at again when that is done.
    fn sync(self: &Rc<Self>, partition: &Partition, handle: FlushHandle) {
        let (at, topic_id, log_dir) = (partition.at().clone(), partition.topic_id(), partition.log_dir());
        let shard = Rc::clone(self);
        self.syncs.set(self.syncs.get() + 1);
        let clock = self.node.world.clock;
        let began = clock.now();
        spawn::essential(async move {
            let done = spawn::blocking(move || handle.sync()).await;
            shard.syncs.set(shard.syncs.get() - 1);
            if let Some(times) = &mut *shard.flushes.borrow_mut() {
                times.note(clock.now(), clock.now().saturating_since(began));
            }
            match done {
                Some(Ok(flushed)) => shard.synced(&at, (topic_id, log_dir), flushed),
                Some(Err(error)) => shard.not_synced(&at, (topic_id, log_dir), &error),
                None => {
                    shard.not_synced(&at, (topic_id, log_dir), &std::io::Error::other("a sync was given up"));
                }
            }
            // Those that were to come next; and of a directory that has failed, whoever waits for them.
            shard.flush_due();
        });
    }

    fn not_synced(self: &Rc<Self>, at: &TopicPartition, log: LogOf, error: &dyn std::error::Error) {
        self.node.log_dirs.fail(log.1, error);
        if self.partitions.borrow().get(at).is_some_and(|partition| is_of(partition, log)) {
            self.replication().not_synced(self, at);
        }
    }

    fn synced(self: &Rc<Self>, at: &TopicPartition, log: LogOf, flushed: Flushed) {
        let clock = self.node.world.clock;
        let effects = match self.partitions.borrow_mut().get_mut(at) {
            Some(partition) if is_of(partition, log) => {
                partition.flushed(flushed, clock.now().since_start(), clock.wall_ms())
            }
            _ => return,
        };
        self.settle_or_fail(at, log.1, effects);
    }

    /// Deletes segments that retention lets go, of the partitions that are `meant`, and removes files whose time has
    /// come.
    pub(super) fn retain(self: &Rc<Self>, meant: impl Fn(&Partition) -> bool) {
        let clock = self.node.world.clock;
        let (now, now_ms) = (clock.now().since_start(), clock.wall_ms());
        let mut settled = Vec::new();
        for partition in self.partitions.borrow_mut().iter_mut() {
            if !meant(partition) || self.node.log_dirs.is_offline(partition.log_dir()) {
                continue;
            }
            match partition.log.delete_old_segments(now_ms) {
                Ok(0) => {}
                Ok(_) => {
                    let effects = partition.log_start_moved(now);
                    settled.push((partition.at().clone(), partition.log_dir(), effects));
                }
                Err(error) => self.node.log_dirs.fail(partition.log_dir(), &error),
            }
            for pending in partition.log.take_pending_deletions() {
                self.remove_later(pending, now_ms);
            }
        }
        for (at, log_dir, effects) in settled {
            self.partitions.borrow_mut().note(&at);
            self.settle_or_fail(&at, log_dir, effects);
        }
    }

    pub(super) fn remove_later(&self, pending: PendingDeletion, now_ms: i64) {
        let (disk, clock) = (self.node.world.disk.clone(), self.node.world.clock);
        let wait = Duration::from_millis(u64::try_from(pending.due_ms - now_ms).unwrap_or(0));
        spawn::local(async move {
            clock.sleep(wait).await;
            if let Some(Err(error)) = spawn::blocking(move || pending.remove(&disk)).await {
                warn!(%error, "files of a deleted segment cannot be removed");
            }
        });
    }

    pub(super) fn checkpoints(&self) -> BTreeMap<TopicPartition, PartitionOffsets> {
        let mut partitions = self.partitions.borrow_mut();
        let told = partitions.iter_mut().map(|partition| {
            partition.tell_checkpoint(&self.node.log_dirs);
            (partition.at().clone(), partition.offsets())
        });
        told.collect()
    }

    /// Closes every partition, all of it synced, a few at a time. Returns the final offsets of those that could be closed.
    /// From now on this shard has no partitions: whoever still asks for one is told to look elsewhere.
    pub(super) async fn close(&self) -> BTreeMap<TopicPartition, PartitionOffsets> {
        let partitions = std::mem::take(&mut *self.partitions.borrow_mut());
        let together = self.syncs_at_close();
        let mut closing = VecDeque::new();
        let mut closed = BTreeMap::new();
        for mut partition in partitions.into_all() {
            partition.readers.wake_all();
            if self.node.log_dirs.is_offline(partition.log_dir()) {
                continue;
            }
            match partition.log.close() {
                Ok(handle) => {
                    let sync = spawn::local(spawn::blocking(move || handle.sync()));
                    closing.push_back((partition, sync));
                }
                Err(error) => self.node.log_dirs.fail(partition.log_dir(), &error),
            }
            if closing.len() >= together
                && let Some((partition, sync)) = closing.pop_front()
            {
                closed.extend(self.closed(partition, sync).await);
            }
        }
        for (partition, sync) in closing {
            closed.extend(self.closed(partition, sync).await);
        }
        closed
    }

    async fn closed(
        &self,
        mut partition: Partition,
        sync: spawn::Task<Option<klamm_log::Result<Flushed>>>,
    ) -> Option<(TopicPartition, PartitionOffsets)> {
        match sync.await.flatten() {
            Some(Ok(flushed)) => partition.log.mark_flushed(flushed, self.node.world.clock.wall_ms()),
            Some(Err(error)) => {
                self.node.log_dirs.fail(partition.log_dir(), &error);
                return None;
            }
            // A defect in the sync: what the log says of itself stays true, but it was not closed.
            None => self.node.log_dirs.not_closed(partition.log_dir()),
        }
        Some((partition.at().clone(), partition.offsets()))
    }

    /// This shard's part of `num.recovery.threads.per.data.dir`.
    fn syncs_at_close(&self) -> usize {
        let each = self.node.config.load().get(&broker::NUM_RECOVERY_THREADS_PER_DATA_DIR);
        let all = usize::try_from(each).unwrap_or(1).saturating_mul(self.node.log_dirs.all().len());
        all.div_ceil(self.shard_count().max(1)).max(1)
    }
}
