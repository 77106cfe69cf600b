//! The log directories of a node: which there are, which of them work, what was found in them at the start, and where a
//! new partition goes.

pub mod checkpoints;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

use klamm_log::{DirPurpose, TopicPartition, log_dir::LoadedLogDir, names};
use klamm_protocol::Uuid;
use tokio::sync::watch;
use tracing::error;

use self::checkpoints::Passes;
use crate::node::World;

/// One log directory.
#[derive(Debug)]
pub struct LogDir {
    path: PathBuf,
    id: Uuid,
    /// Whether it holds the metadata log only, beside the directories of `log.dirs`.
    is_metadata_only: bool,
    cordoned: AtomicBool,
    offline: AtomicBool,
    /// Whether logs in it were not closed, or never checked after the last run had ended without closing them.
    unchecked: AtomicBool,
    partitions: AtomicUsize,
    /// Digest of what the checkpoint files say.
    checkpointed: AtomicU64,
    /// Of the cleaner's file alone.
    cleaner_checkpointed: AtomicU64,
    /// Locked for as long as the node runs; `None` if it could not be opened.
    files: Option<klamm_log::log_dir::LogDir>,
}

/// The directories that `log.dirs` and the keys beside it name, from the root: so the broker and its clients know them.
pub fn absolute(world: &World, paths: &[String]) -> Vec<PathBuf> {
    paths.iter().map(|path| world.disk.absolute(path)).collect()
}

/// What is left of a node after a log directory has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    /// The other directories.
    Others,
    /// No directory for partitions.
    Nothing,
    /// No metadata log.
    NoMetadata,
}

/// A partition's directory that was there when the node started, and what the checkpoints said of it.
#[derive(Debug, Clone)]
pub struct FoundPartition {
    /// Index of the log directory.
    pub log_dir: usize,
    /// The partition's own directory.
    pub path: PathBuf,
    /// Everything before it is known to be on the disk.
    pub recovery_point: i64,
    /// First offset of the log.
    pub log_start_offset: i64,
    /// High watermark.
    pub high_watermark: i64,
    /// Up to where it was compacted.
    pub cleaner_checkpoint: Option<i64>,
    /// Whether the last owner closed it properly.
    pub clean_shutdown: bool,
}

impl LogDir {
    /// A directory that is online if `files` is there. `id` is zero if it could not be read.
    pub fn new(path: PathBuf, id: Uuid, files: Option<klamm_log::log_dir::LogDir>) -> Self {
        Self {
            path,
            id,
            is_metadata_only: false,
            cordoned: AtomicBool::new(false),
            offline: AtomicBool::new(files.is_none()),
            unchecked: AtomicBool::new(false),
            partitions: AtomicUsize::new(0),
            checkpointed: AtomicU64::new(u64::MAX),
            cleaner_checkpointed: AtomicU64::new(u64::MAX),
            files,
        }
    }

    /// The same, for the metadata log only: it is none of the broker's log directories.
    #[must_use]
    pub fn for_metadata_only(self) -> Self {
        Self { is_metadata_only: true, ..self }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `directory.id` of its `meta.properties`.
    pub const fn id(&self) -> Uuid {
        self.id
    }

    /// Whether it has failed. It stays so until the next start.
    pub fn is_offline(&self) -> bool {
        self.offline.load(Ordering::Acquire)
    }

    /// Whether it takes no new partitions (`cordoned.log.dirs`).
    pub fn is_cordoned(&self) -> bool {
        self.cordoned.load(Ordering::Acquire)
    }

    /// Counts a partition in or out.
    pub fn count(&self, is_new: bool) {
        if is_new {
            self.partitions.fetch_add(1, Ordering::AcqRel);
        } else {
            self.partitions.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl FoundPartition {
    /// One of which no checkpoint says anything.
    pub const fn new(log_dir: usize, path: PathBuf) -> Self {
        Self {
            log_dir,
            path,
            recovery_point: 0,
            log_start_offset: 0,
            high_watermark: 0,
            cleaner_checkpoint: None,
            clean_shutdown: true,
        }
    }
}

/// What is there of a partition.
#[derive(Debug, Clone)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// Its directory.
    One(FoundPartition),
    /// No directory, but the copy of a move, which the controller believes to be the partition.
    Copy(FoundPartition),
    /// Its directory, and others that it has moved out of.
    Superseded(FoundPartition, Vec<FoundPartition>),
    /// Several, and nobody knows which one counts.
    Several(Vec<FoundPartition>),
}

/// All log directories, in the order of the config.
#[derive(Debug)]
pub struct LogDirs {
    dirs: Vec<LogDir>,
    /// Directories of deleted partitions that the last run did not get to remove.
    deleted: Mutex<Vec<PathBuf>>,
    /// Partitions that were found at the start and are not opened yet. One in two places was about to move.
    found: Mutex<BTreeMap<TopicPartition, Vec<FoundPartition>>>,
    /// Copies of moves that the last run did not finish: to begin anew, once the partition is open.
    moves: Mutex<BTreeMap<TopicPartition, FoundPartition>>,
    /// Where partitions are wanted that are not here yet.
    preferred: Mutex<BTreeMap<TopicPartition, usize>>,
    /// Index of the one that holds the metadata log.
    metadata: Option<usize>,
    /// How far the checkpoint files are.
    passes: Passes,
    /// Rung when a directory fails or is cordoned or no longer.
    changes: watch::Sender<()>,
}

impl LogDirs {
    /// These directories, with what was loaded from each that could be. The metadata log is in `metadata_dir`.
    pub fn new(dirs: Vec<LogDir>, loaded: Vec<(usize, LoadedLogDir)>, metadata_dir: &Path) -> Self {
        let metadata = dirs.iter().position(|dir| dir.path == metadata_dir);
        let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
        let mut deleted = Vec::new();
        let mut moves = BTreeMap::new();
        let mut gone = BTreeSet::new();
        for (log_dir, loaded) in loaded {
            let mut named = loaded.names();
            for dir in &loaded.partitions {
                let at = &dir.partition;
                match dir.purpose {
                    DirPurpose::Current => {}
                    DirPurpose::Delete => {
                        deleted.push(dir.path.clone());
                        continue;
                    }
                    DirPurpose::Future => {
                        let copy = FoundPartition {
                            clean_shutdown: false,
                            ..FoundPartition::new(log_dir, dir.path.clone())
                        };
                        deleted.extend(moves.insert(at.clone(), copy).map(|other| other.path));
                        continue;
                    }
                    DirPurpose::Stray => continue,
                }
                named.remove(at);
                let offset = |of: &BTreeMap<_, i64>| of.get(at).copied().unwrap_or(0);
                let partition = FoundPartition {
                    log_dir,
                    path: dir.path.clone(),
                    recovery_point: offset(&loaded.recovery_points),
                    log_start_offset: offset(&loaded.log_start_offsets),
                    high_watermark: offset(&loaded.high_watermarks),
                    cleaner_checkpoint: loaded.cleaner_offsets.get(at).copied(),
                    clean_shutdown: loaded.clean_shutdown,
                };
                found.entry(at.clone()).or_default().push(partition);
            }
            gone.extend(named);
        }
        let changes = watch::Sender::new(());
        Self {
            dirs,
            deleted: Mutex::new(deleted),
            found: Mutex::new(found),
            moves: Mutex::new(moves),
            preferred: Mutex::default(),
            metadata,
            passes: Passes::without(gone),
            changes,
        }
    }

    /// All of them, those that have failed included.
    pub fn all(&self) -> &[LogDir] {
        &self.dirs
    }

    /// Those of `log.dirs`, in their order, which come before any other; those that have failed included.
    pub fn of_partitions(&self) -> impl Iterator<Item = &LogDir> {
        self.dirs.iter().filter(|dir| !dir.is_metadata_only)
    }

    /// Tells when a directory fails, or is cordoned or no longer.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// The ids of those that take no new partitions, sorted.
    pub fn cordoned(&self) -> Vec<Uuid> {
        let mut ids: Vec<_> = self.of_partitions().filter(|dir| dir.is_cordoned()).map(LogDir::id).collect();
        ids.sort_unstable();
        ids
    }

    /// Has exactly these take no new partitions.
    pub fn cordon(&self, paths: &[PathBuf]) {
        for dir in self.of_partitions() {
            let is_cordoned = paths.contains(&dir.path);
            if dir.cordoned.swap(is_cordoned, Ordering::AcqRel) != is_cordoned {
                self.changes.send_replace(());
            }
        }
    }

    /// One by index.
    pub fn dir(&self, index: usize) -> Option<&LogDir> {
        self.dirs.get(index)
    }

    /// What was found of a partition at the start, of which the controller believes that it is in the directory
    /// `assigned`. Given once.
    ///
    /// The process may have ended while the partition moved. Kafka then refuses to start if it finds the partition in two
    /// directories, and asks for one to be removed by hand; but before the copy takes the log's place the controller knows
    /// of it, so that the one that it knows counts. The copy alone has all as well if the controller knows it.
    pub fn take_found(&self, at: &TopicPartition, assigned: &Uuid) -> Found {
        let mut found = self.found().remove(at).unwrap_or_default();
        let is_assigned =
            |found: &FoundPartition| self.dir(found.log_dir).is_some_and(|dir| dir.id == *assigned);
        if found.is_empty() {
            let mut moves = self.moves.lock().unwrap_or_else(PoisonError::into_inner);
            return match moves.remove(at) {
                Some(copy) if is_assigned(&copy) => Found::Copy(copy),
                Some(copy) => {
                    moves.insert(at.clone(), copy);
                    Found::Nothing
                }
                None => Found::Nothing,
            };
        }
        let chosen = found.iter().position(is_assigned);
        match (found.len(), chosen) {
            (1, _) => found.pop().map_or(Found::Nothing, Found::One),
            (_, Some(chosen)) => Found::Superseded(found.swap_remove(chosen), found),
            (_, None) => Found::Several(found),
        }
    }

    /// Whether the last run ended while a partition moved to this directory, and no other one that can be read has it.
    pub fn holds_only_copy(&self, at: &TopicPartition, assigned: &Uuid) -> bool {
        let moves = self.moves.lock().unwrap_or_else(PoisonError::into_inner);
        let copy = moves.get(at).and_then(|copy| self.dir(copy.log_dir));
        copy.is_some_and(|dir| dir.id == *assigned) && !self.found().contains_key(at)
    }

    /// Directories of partitions that were deleted in an earlier run and are to be removed, and copies that nobody has
    /// asked for, unless what they were copied from may be offline. Given once.
    pub fn take_deleted(&self) -> Vec<PathBuf> {
        let mut deleted = std::mem::take(&mut *self.deleted.lock().unwrap_or_else(PoisonError::into_inner));
        if self.has_offline() {
            return deleted;
        }
        let moves = std::mem::take(&mut *self.moves.lock().unwrap_or_else(PoisonError::into_inner));
        deleted.extend(moves.into_values().map(|copy| copy.path));
        deleted
    }

    /// The copy that a partition had when the last run ended while it moved. Given once.
    pub fn take_move(&self, at: &TopicPartition) -> Option<FoundPartition> {
        self.moves.lock().unwrap_or_else(PoisonError::into_inner).remove(at)
    }

    /// Wants a partition that is not here to come to a directory.
    pub fn prefer(&self, at: &TopicPartition, log_dir: usize) {
        self.preferred.lock().unwrap_or_else(PoisonError::into_inner).insert(at.clone(), log_dir);
    }

    /// Where a partition that comes now is wanted, if that works. Given once.
    pub fn take_preferred(&self, at: &TopicPartition) -> Option<usize> {
        let log_dir = self.preferred.lock().unwrap_or_else(PoisonError::into_inner).remove(at);
        log_dir.filter(|log_dir| !self.is_offline(*log_dir))
    }

    /// What was found and nobody has taken.
    pub fn take_rest(&self) -> Vec<(TopicPartition, FoundPartition)> {
        let rest = std::mem::take(&mut *self.found()).into_iter();
        rest.flat_map(|(at, found)| found.into_iter().map(move |found| (at.clone(), found))).collect()
    }

    fn found(&self) -> MutexGuard<'_, BTreeMap<TopicPartition, Vec<FoundPartition>>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where a new partition goes: the directory with the fewest partitions among those that are online and take new
    /// ones. If none takes any, since the last was cordoned after the controller had placed the partition here, the first
    /// that is online.
    pub fn for_new_partition(&self) -> Option<usize> {
        let online =
            || self.dirs.iter().enumerate().filter(|(_, dir)| !dir.is_metadata_only && !dir.is_offline());
        let open = online().filter(|(_, dir)| !dir.is_cordoned());
        let least = open.min_by_key(|(_, dir)| dir.partitions.load(Ordering::Acquire));
        least.or_else(|| online().next()).map(|(index, _)| index)
    }

    /// The directory with this id, if it works.
    pub fn online_by_id(&self, id: &Uuid) -> Option<usize> {
        self.dirs.iter().position(|dir| dir.id == *id && !dir.is_metadata_only && !dir.is_offline())
    }

    /// Whether a directory has failed.
    pub fn is_offline(&self, index: usize) -> bool {
        self.dirs.get(index).is_none_or(LogDir::is_offline)
    }

    /// Whether any directory has failed.
    pub fn has_offline(&self) -> bool {
        self.of_partitions().any(LogDir::is_offline)
    }

    /// Takes a directory offline after its disk has failed. The process ends if it cannot do without, as Kafka's does.
    pub fn fail(&self, index: usize, cause: &dyn std::error::Error) {
        let Some(dir) = self.dirs.get(index) else { return };
        if dir.offline.swap(true, Ordering::AcqRel) {
            return;
        }
        error!(dir = %dir.path.display(), error = %cause, "log directory failed and is offline");
        self.changes.send_replace(());
        let reason = match self.left() {
            Left::Others => return,
            Left::Nothing => "all log directories have failed",
            Left::NoMetadata => "the log directory with the metadata log has failed",
        };
        error!(reason, "the node ends");
        klamm_io::spawn::exit(1);
    }

    fn left(&self) -> Left {
        if self.metadata.is_some_and(|index| self.is_offline(index)) {
            Left::NoMetadata
        } else if self.of_partitions().all(LogDir::is_offline) {
            Left::Nothing
        } else {
            Left::Others
        }
    }

    /// For a stop before all partitions were opened: a directory whose logs still have to be checked must not count as
    /// properly closed.
    pub fn leave_what_was_not_opened(&self) {
        for (_, found) in self.take_rest() {
            if !found.clean_shutdown {
                self.not_closed(found.log_dir);
            }
        }
    }

    /// A log in this directory could not be closed, so that the directory must not count as properly closed.
    pub fn not_closed(&self, index: usize) {
        if let Some(dir) = self.dirs.get(index) {
            dir.unchecked.store(true, Ordering::Release);
        }
    }

    /// Notes in every directory that works that its logs may change from now on.
    pub fn begin(&self) {
        for (index, dir) in self.dirs.iter().enumerate() {
            if let Some(Err(error)) = dir.files.as_ref().map(klamm_log::log_dir::LogDir::begin) {
                self.fail(index, &error);
            }
        }
    }

    /// Notes in every directory that works that its logs were closed.
    pub fn write_clean_shutdown(&self, broker_epoch: i64) {
        for (index, dir) in self.dirs.iter().enumerate().filter(|(_, dir)| !dir.is_metadata_only) {
            if dir.unchecked.load(Ordering::Acquire) {
                continue;
            }
            let Some(files) = dir.files.as_ref().filter(|_| !dir.is_offline()) else { continue };
            if let Err(error) = files.write_clean_shutdown(broker_epoch) {
                self.fail(index, &error);
            }
        }
    }
}

/// What the directory of a partition is renamed to when it is not used any more.
pub fn name_aside(world: &World, at: &TopicPartition, purpose: DirPurpose) -> String {
    let unique: String = world.entropy.next_16().iter().map(|byte| format!("{byte:02x}")).collect();
    names::dir_name(at, purpose, &unique)
}

#[cfg(test)]
mod tests {
    use klamm_io::{Entropy, disk::Disk, sim::disk::SimulatedDisk};

    use super::*;

    fn disk() -> Disk {
        SimulatedDisk::new(Entropy::seeded(7)).disk()
    }

    fn dirs(disk: &Disk, count: usize) -> Vec<LogDir> {
        let dir = |index: usize| {
            let path = PathBuf::from(format!("/log-dirs/{index}"));
            let files = klamm_log::log_dir::LogDir::lock(disk, &path).unwrap();
            LogDir::new(path, Uuid::from_bytes([u8::try_from(index).unwrap(); 16]), files)
        };
        (0..count).map(dir).collect()
    }

    fn loaded(clean_shutdown: bool, path: &Path) -> LoadedLogDir {
        let partition = TopicPartition::new("topic", 3);
        LoadedLogDir {
            partitions: vec![klamm_log::log_dir::PartitionDir {
                path: path.join("topic-3"),
                partition: partition.clone(),
                purpose: DirPurpose::Current,
            }],
            clean_shutdown,
            broker_epoch: None,
            recovery_points: BTreeMap::from([(partition.clone(), 70)]),
            log_start_offsets: BTreeMap::from([(partition.clone(), 50)]),
            high_watermarks: BTreeMap::from([(partition.clone(), 90)]),
            cleaner_offsets: BTreeMap::from([(partition, 60)]),
        }
    }

    #[test]
    fn a_node_needs_its_metadata_and_one_directory() {
        for (offline, left) in [
            (vec![], Left::Others),
            (vec![1], Left::Others),
            (vec![2, 1], Left::Others),
            (vec![0], Left::NoMetadata),
        ] {
            let dirs = dirs(&disk(), 3);
            let metadata = dirs[0].path.clone();
            let log_dirs = LogDirs::new(dirs, Vec::new(), &metadata);
            for index in &offline {
                log_dirs.dirs[*index].offline.store(true, Ordering::Release);
            }
            assert_eq!(log_dirs.left(), left, "{offline:?}");
            assert_eq!(log_dirs.has_offline(), !offline.is_empty());
            assert_eq!(log_dirs.online_by_id(&log_dirs.dirs[1].id), (!offline.contains(&1)).then_some(1));
        }
        let log_dirs = LogDirs::new(dirs(&disk(), 1), Vec::new(), Path::new("elsewhere"));
        log_dirs.dirs[0].offline.store(true, Ordering::Release);
        assert_eq!(log_dirs.left(), Left::Nothing);
    }

    /// A crash came after the controller had been told of a move and before it was over: the copy may have less.
    #[test]
    fn a_copy_is_kept_and_not_taken_while_what_it_was_copied_from_may_be_offline() {
        for is_offline in [false, true] {
            let dirs = dirs(&disk(), 2);
            let (path, id, metadata) = (dirs[1].path.clone(), dirs[1].id, dirs[1].path.clone());
            let mut found = loaded(false, &path);
            found.partitions[0].purpose = DirPurpose::Future;
            let log_dirs = LogDirs::new(dirs, vec![(1, found)], &metadata);
            log_dirs.dirs[0].offline.store(is_offline, Ordering::Release);
            let at = TopicPartition::new("topic", 3);
            assert!(log_dirs.holds_only_copy(&at, &id));
            assert!(!log_dirs.holds_only_copy(&at, &log_dirs.dirs[0].id));
            assert!(!log_dirs.holds_only_copy(&TopicPartition::new("topic", 4), &id));
            assert_eq!(log_dirs.take_deleted().is_empty(), is_offline);
            assert_eq!(log_dirs.holds_only_copy(&at, &id), is_offline);
        }
    }

    #[test]
    fn partitions_go_where_they_may() {
        let mut dirs = dirs(&disk(), 3);
        let beside = dirs.pop().unwrap().for_metadata_only();
        let (metadata, id) = (beside.path.clone(), beside.id);
        let log_dirs = LogDirs::new(dirs.into_iter().chain([beside]).collect(), Vec::new(), &metadata);
        let mut changes = log_dirs.changes();
        assert_eq!(log_dirs.for_new_partition(), Some(0));
        assert_eq!(log_dirs.online_by_id(&id), None);
        let first = log_dirs.dirs[0].path.clone();
        log_dirs.cordon(std::slice::from_ref(&first));
        assert_eq!(log_dirs.for_new_partition(), Some(1));
        assert!(changes.has_changed().unwrap());
        changes.mark_unchanged();
        log_dirs.cordon(std::slice::from_ref(&first));
        assert!(!changes.has_changed().unwrap());
        log_dirs.dirs[1].offline.store(true, Ordering::Release);
        assert_eq!(log_dirs.for_new_partition(), Some(0), "a cordoned one rather than none");
        log_dirs.dirs[0].offline.store(true, Ordering::Release);
        assert_eq!(log_dirs.for_new_partition(), None, "not the metadata log's");
        assert_eq!(log_dirs.left(), Left::Nothing);
    }

    #[test]
    fn a_stop_before_the_logs_were_opened_loses_nothing_and_claims_nothing() {
        for clean in [true, false] {
            let disk = disk();
            let dirs = dirs(&disk, 2);
            let (path, metadata) = (dirs[1].path.clone(), dirs[0].path.clone());
            let log_dirs = LogDirs::new(dirs, vec![(1, loaded(clean, &path))], &metadata);
            log_dirs.write_checkpoints(&log_dirs.begin_pass());
            log_dirs.leave_what_was_not_opened();
            log_dirs.write_clean_shutdown(7);
            drop(log_dirs);
            let files = klamm_log::log_dir::LogDir::lock(&disk, &path).unwrap().unwrap();
            let found = files.load().unwrap();
            assert_eq!(found.clean_shutdown, clean);
            let at = TopicPartition::new("topic", 3);
            let kept = [
                &found.recovery_points,
                &found.log_start_offsets,
                &found.high_watermarks,
                &found.cleaner_offsets,
            ];
            assert_eq!(kept.map(|map| map[&at]), [70, 50, 90, 60]);
        }
    }
}
