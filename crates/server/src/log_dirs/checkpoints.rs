//! The checkpoint files of the log directories: what they say of a partition is kept by its name.
//!
//! They are written in passes, from time to time and whenever somebody waits for it. Two have to wait:
//!
//! * A log is not opened under a name of which the files may still tell what another log was: after a crash it would be
//!   taken for that one, and lose its records to the other's log start.
//! * A follower whose log was cut back below its recovery point fetches nothing before the lower one is written: after a
//!   loss of power what comes behind the cut would count as synced. If it is to lead by then, it takes nothing from
//!   clients. The same is so of a log that has come out shorter of a crash than the files say.

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

    /// The newest pass that has begun.
    pub fn begun_pass(&self) -> u64 {
        self.passes.begun.load(Ordering::SeqCst)
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
        // As Kafka: only logs that no longer start at their first segment need an entry.
        let starts = map(|offsets| offsets.log_start_offset);
        let starts = starts.into_iter().filter(|(_, offset)| *offset > 0).collect();
        files.write_checkpoint(LOG_START_OFFSET_FILE, &starts)?;
        // After the starts: what lies before a start need not be synced, and counts as if it were.
        files.write_checkpoint(RECOVERY_POINT_FILE, &map(|offsets| offsets.recovery_point))?;
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

#[cfg(test)]
mod tests {
    use std::{path::PathBuf, time::Duration};

    use klamm_config::BrokerConfig;
    use klamm_io::{Entropy, disk::Disk, sim::disk::SimulatedDisk};
    use klamm_log::{Append, Handles, Log, OpenLog, checkpoints::read_offsets, log_dir::LogDir as Files};
    use klamm_metadata::image::MetadataImage;
    use klamm_protocol::{
        Uuid,
        records::{BatchBuilder, BatchOptions, NewBatch},
    };
    use klamm_replica::follower::{Ask, FetchAnswer, Input};

    use super::*;
    use crate::{partition::Partition, topic_settings::TopicSettings};

    const DIR: &str = "/log-dirs/0";

    fn log_dirs(disk: &Disk) -> LogDirs {
        let path = PathBuf::from(DIR);
        let files = Files::lock(disk, &path).unwrap().unwrap();
        let loaded = files.load().unwrap();
        let dir = LogDir::new(path.clone(), Uuid::from_bytes([1; 16]), Some(files));
        LogDirs::new(vec![dir], vec![(0, loaded)], &path)
    }

    fn at() -> TopicPartition {
        TopicPartition::new("topic", 0)
    }

    fn with(mut pass: Pass, log_start_offset: i64) -> Pass {
        let offsets = PartitionOffsets {
            log_dir: 0,
            recovery_point: 9,
            log_start_offset,
            high_watermark: 9,
            cleaner_checkpoint: None,
        };
        pass.extend(BTreeMap::from([(at(), offsets)]));
        pass
    }

    fn log_start(disk: &Disk) -> Option<i64> {
        let path = PathBuf::from(DIR).join(LOG_START_OFFSET_FILE);
        read_offsets(disk, &path).unwrap().get(&at()).copied()
    }

    #[test]
    fn a_name_is_free_once_no_file_can_have_it() {
        let disk = SimulatedDisk::new(Entropy::seeded(7)).disk();
        let dirs = log_dirs(&disk);
        assert!(dirs.is_free(&at()));
        // This pass has asked the shards before the partition goes, and comes to write after the one that follows.
        let early = with(dirs.begin_pass(), 5);
        dirs.free(&at());
        let late = dirs.begin_pass();
        dirs.write_checkpoints(&late);
        assert!(dirs.is_free(&at()));
        dirs.write_checkpoints(&early);
        assert_eq!(log_start(&disk), None);
        // The other way round the name is free after the second.
        let early = with(dirs.begin_pass(), 5);
        dirs.free(&at());
        dirs.write_checkpoints(&early);
        assert_eq!((log_start(&disk), dirs.is_free(&at())), (Some(5), false));
        drop(dirs);
        // What the files had when the node started, and no directory, is not free either.
        let dirs = log_dirs(&disk);
        assert!(!dirs.is_free(&at()));
        dirs.write_checkpoints(&dirs.begin_pass());
        assert_eq!((log_start(&disk), dirs.is_free(&at())), (None, true));
    }

    #[test]
    fn a_pass_leaves_what_is_not_opened_yet() {
        let disk = SimulatedDisk::new(Entropy::seeded(7)).disk();
        let dirs = log_dirs(&disk);
        dirs.write_checkpoints(&with(dirs.begin_pass(), 5));
        disk.create_dir_all(&PathBuf::from(DIR).join("topic-0")).unwrap();
        drop(dirs);
        let dirs = log_dirs(&disk);
        assert!(dirs.is_free(&at()));
        dirs.write_checkpoints(&dirs.begin_pass());
        assert_eq!(log_start(&disk), Some(5));
    }

    #[test]
    fn a_follower_that_is_cut_back_below_its_recovery_point_waits_for_the_files() {
        let disk = SimulatedDisk::new(Entropy::seeded(7)).disk();
        let dirs = log_dirs(&disk);
        let text = "process.roles=broker\nnode.id=1\nlisteners=PLAINTEXT://h:1\ncontroller.listener.names=C\n\
                    controller.quorum.voters=2@h:2\n";
        let config = BrokerConfig::from_properties(&klamm_config::properties::parse(text).unwrap()).unwrap();
        let settings = Arc::new(TopicSettings::resolve(&config, &MetadataImage::default(), "topic"));
        let handles = Handles::new(disk, 16);
        let open = OpenLog {
            handles: &handles,
            dir: &PathBuf::from(DIR).join("topic-0"),
            partition: at(),
            config: Arc::clone(&settings.log),
            log_start_offset: 0,
            recovery_point: 0,
            clean_shutdown: true,
            now_ms: 0,
        };
        let mut log = Log::open(open).unwrap();
        let mut builder = BatchBuilder::new(BatchOptions::default());
        builder.append(0, None, Some(b"value"), &[]).unwrap();
        let batch = builder.build().unwrap();
        for _ in 0..3 {
            let mut batch = [NewBatch::from_built(batch.clone()).unwrap()];
            log.append_as_leader(&mut batch, Append::client(0, 0)).unwrap();
        }
        let flushed = log.flush_handle(true).unwrap().sync().unwrap();
        log.mark_flushed(flushed, 0);
        let now = Duration::ZERO;
        let mut partition = Partition::new(at(), Uuid::from_bytes([2; 16]), 0, log, settings);
        let _ = partition.follow(1, Some(2), now, 0).unwrap();
        for (end_offset, waits) in [(3, false), (1, true), (1, false)] {
            let Some(Ask::Fetch(asked)) = partition.ask_leader(now) else { panic!("it fetches") };
            let answer = FetchAnswer::Diverging { epoch: 0, end_offset };
            partition.leader_answered(Input::Fetched { asked, answer }, None, now, 0).unwrap();
            assert_eq!(partition.log.log_end_offset(), end_offset);
            // A pass that has begun already may have asked before.
            let early = dirs.begin_pass();
            assert_eq!(partition.awaits_checkpoint(&dirs), waits, "{end_offset}");
            dirs.write_checkpoints(&early);
            assert_eq!(partition.awaits_checkpoint(&dirs), waits, "{end_offset}");
            dirs.write_checkpoints(&dirs.begin_pass());
            assert!(!partition.awaits_checkpoint(&dirs));
        }
        // After a crash it is the same with a log that has come out shorter than the files say.
        for (recovery_point, waits) in [(1, false), (2, true)] {
            partition.opened_with(recovery_point);
            assert_eq!(partition.awaits_checkpoint(&dirs), waits, "{recovery_point}");
        }
    }
}
