//! The checkpoint files of the log directories: what they say of a partition is kept by its name.
//!
//! They are written in passes, from time to time and whenever somebody waits for it. Two have to wait:
//!
//! * A log is not opened under a name of which the files may still tell what another log was: after a crash it would be
//!   taken for that one, and lose its records to the other's log start.
//! * A follower whose log was cut back below its recovery point fetches nothing before the lower one is written: after a
//!   loss of power what comes behind the cut would count as synced.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{Hash, Hasher},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use klamm_io::spawn;
use klamm_log::{
    TopicPartition,
    checkpoints::{CLEANER_OFFSET_FILE, HIGH_WATERMARK_FILE, LOG_START_OFFSET_FILE, RECOVERY_POINT_FILE},
};
use rustc_hash::FxHasher;
use tokio::sync::Notify;

use super::{FoundPartition, LogDir, LogDirs};
use crate::{
    node::Node,
    shard::{ShardRequest, requests::PartitionOffsets, router::ShardSenders},
};

/// How far the writing is. Passes are numbered from 1.
#[derive(Debug, Default)]
pub(super) struct Passes {
    /// The newest that has begun.
    begun: AtomicU64,
    /// The newest that was written; locked while one is.
    writing: Mutex<u64>,
    /// The newest that was written.
    written: AtomicU64,
    /// Rung when the next one should not wait for its time.
    wanted: Notify,
    /// Names that no log has any more, and the first pass that does not have them.
    gone: Mutex<BTreeMap<TopicPartition, u64>>,
}

/// A pass that has begun: it has whatever its partitions have come to by now.
#[derive(Debug)]
pub struct Pass {
    number: u64,
    offsets: BTreeMap<TopicPartition, PartitionOffsets>,
}

impl Pass {
    /// Adds partitions that are open.
    pub fn extend(&mut self, offsets: BTreeMap<TopicPartition, PartitionOffsets>) {
        self.offsets.extend(offsets);
    }
}

impl Passes {
    /// With names that the files have and no log.
    pub(super) fn without(names: BTreeSet<TopicPartition>) -> Self {
        Self { gone: Mutex::new(names.into_iter().map(|at| (at, 1)).collect()), ..Self::default() }
    }

    fn gone(&self) -> MutexGuard<'_, BTreeMap<TopicPartition, u64>> {
        self.gone.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> u64 {
        self.begun.load(Ordering::SeqCst) + 1
    }
}

/// Writes the checkpoint files.
pub async fn write(node: &Arc<Node>, shards: &ShardSenders) {
    let mut pass = node.log_dirs.begin_pass();
    let answers = shards.ask_all(|reply| ShardRequest::Checkpoints { reply }).await;
    if answers.len() < shards.count() {
        // The node ends, and what is missing must not be taken for gone.
        return;
    }
    answers.into_iter().for_each(|offsets| pass.extend(offsets));
    let node = Arc::clone(node);
    spawn::blocking(move || node.log_dirs.write_checkpoints(&pass)).await;
}

impl FoundPartition {
    const fn offsets(&self) -> PartitionOffsets {
        PartitionOffsets {
            log_dir: self.log_dir,
            recovery_point: self.recovery_point,
            log_start_offset: self.log_start_offset,
            high_watermark: self.high_watermark,
            cleaner_checkpoint: self.cleaner_checkpoint,
        }
    }
}

impl LogDirs {
    /// Begins a pass. What was found at the start and not opened yet keeps what it had.
    pub fn begin_pass(&self) -> Pass {
        let number = self.passes.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let found = self.found();
        let kept = found.iter().flat_map(|(at, found)| found.iter().map(|one| (at.clone(), one.offsets())));
        Pass { number, offsets: kept.collect() }
    }

    /// Notes that a name has no log any more. Another log may have it when [`LogDirs::is_free`].
    pub fn free(&self, at: &TopicPartition) {
        self.passes.gone().insert(at.clone(), self.passes.next());
    }

    /// Whether the checkpoint files say nothing any more of a log that had this name.
    pub fn is_free(&self, at: &TopicPartition) -> bool {
        !self.passes.gone().contains_key(at)
    }

    /// Wants what is so by now written soon. Returns the pass that does.
    pub fn want_pass(&self) -> u64 {
        let next = self.passes.next();
        self.passes.wanted.notify_one();
        next
    }

    /// Whether a pass, or a later one, was written.
    pub fn is_written(&self, pass: u64) -> bool {
        self.passes.written.load(Ordering::SeqCst) >= pass
    }

    /// Completes when somebody waits for a pass.
    pub async fn pass_wanted(&self) {
        self.passes.wanted.notified().await;
    }

    /// Writes the checkpoint files of every directory that works and whose partitions have moved since the last time;
    /// unless a later pass was written already.
    pub fn write_checkpoints(&self, pass: &Pass) {
        let mut writing = self.passes.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if pass.number <= *writing {
            return;
        }
        *writing = pass.number;
        for (index, dir) in self.dirs.iter().enumerate().filter(|(_, dir)| !dir.is_metadata_only) {
            if let Err(error) = dir.write_checkpoints(index, &pass.offsets) {
                self.fail(index, &error);
            }
        }
        self.passes.gone().retain(|_, without| *without > pass.number);
        self.passes.written.store(pass.number, Ordering::SeqCst);
    }
}

impl LogDir {
    fn write_checkpoints(
        &self,
        index: usize,
        partitions: &BTreeMap<TopicPartition, PartitionOffsets>,
    ) -> klamm_log::Result<()> {
        let Some(files) = self.files.as_ref().filter(|_| !self.is_offline()) else { return Ok(()) };
        let here = || partitions.iter().filter(|(_, offsets)| offsets.log_dir == index);
        let mut hasher = FxHasher::default();
        here().for_each(|entry| entry.hash(&mut hasher));
        let digest = hasher.finish();
        if self.checkpointed.load(Ordering::Acquire) == digest {
            return Ok(());
        }
        let map = |of: fn(&PartitionOffsets) -> i64| -> BTreeMap<_, i64> {
            here().map(|(at, offsets)| (at.clone(), of(offsets))).collect()
        };
        files.write_checkpoint(RECOVERY_POINT_FILE, &map(|offsets| offsets.recovery_point))?;
        // As Kafka: only logs that no longer start at their first segment need an entry.
        let starts = map(|offsets| offsets.log_start_offset);
        let starts = starts.into_iter().filter(|(_, offset)| *offset > 0).collect();
        files.write_checkpoint(LOG_START_OFFSET_FILE, &starts)?;
        files.write_checkpoint(HIGH_WATERMARK_FILE, &map(|offsets| offsets.high_watermark))?;
        let cleaned = here().filter_map(|(at, offsets)| Some((at.clone(), offsets.cleaner_checkpoint?)));
        let cleaned: BTreeMap<_, _> = cleaned.collect();
        let mut hasher = FxHasher::default();
        cleaned.hash(&mut hasher);
        // Seldom there is anything new.
        let cleaned_digest = hasher.finish();
        if self.cleaner_checkpointed.load(Ordering::Acquire) != cleaned_digest {
            files.write_checkpoint(CLEANER_OFFSET_FILE, &cleaned)?;
            self.cleaner_checkpointed.store(cleaned_digest, Ordering::Release);
        }
        self.checkpointed.store(digest, Ordering::Release);
        Ok(())
    }
}
