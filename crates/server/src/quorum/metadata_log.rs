//! The files of `__cluster_metadata-0`: its log, its snapshots and `quorum-state`.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use klamm_io::disk::{Disk, OpenMode};
use klamm_log::{FlushHandle, Handles, Isolation, Log, LogConfig, OpenLog, TopicPartition};
use klamm_metadata::{bootstrap, checkpoint};
use klamm_protocol::{metadata::MetadataRecord, records::BatchError};
use klamm_raft::{
    BOOTSTRAP_SNAPSHOT, ControlState, LogState, METADATA_TOPIC, METADATA_TOPIC_ID, OffsetAndEpoch,
    QuorumState, QuorumStateFile, Recovery,
};

mod recovery_point;

/// Segments, indexes and small files of the metadata log that may be open at once.
const OPEN_FILES_MAX: usize = 64;
/// Bytes of the log read in one piece when it is replayed.
const READ_BYTES_MAX: u32 = 4 << 20;
/// A snapshot larger than this is not one of ours.
const SNAPSHOT_BYTES_MAX: u64 = 4 << 30;
const QUORUM_STATE_BYTES_MAX: u64 = 1 << 20;
/// The batch with a snapshot's header is smaller than this.
const SNAPSHOT_HEADER_BYTES: u64 = 4096;

/// Why the metadata log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum MetadataLogError {
    /// The log or its disk.
    #[error(transparent)]
    Log(#[from] klamm_log::Error),
    /// A file.
    #[error(transparent)]
    Disk(#[from] klamm_io::disk::Error),
    /// A batch of the log or of a snapshot.
    #[error("{path}: {source}", path = path.display())]
    Batch {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong.
        source: BatchError,
    },
    /// `quorum-state`.
    #[error(
        "{path}: {reason}. The file says whom this node has voted for; without it the node could vote twice. Bring it back \
         from a copy. If there is none: with other voters alive, remove this node from the voters, format its metadata \
         directory anew and add it again",
        path = path.display()
    )]
    QuorumState {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A snapshot.
    #[error(
        "{path}: the snapshot cannot be used: {reason}. Bring the file back from a copy, or format the directory anew and \
         let the node fetch everything from the other controllers",
        path = path.display()
    )]
    Snapshot {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The log lacks what it had.
    #[error(
        "{path}, byte {position}: {detail}. The log can be read up to offset {end}, yet this node has had it on the disk up \
         to offset {synced}. It is not cut, since committed records could go. Bring the file back from a copy, one of a \
         stopped node. If there is none, remove {recovery_point}: the node cuts its log there and, with a majority of the other voters at work, \
         fetches the rest again; the only voter gives up what came after, and with it topics and their records",
        path = path.display(), recovery_point = recovery_point.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where in it, in bytes.
        position: u32,
        /// What is there.
        detail: String,
        /// The offset after the last record that can be read.
        end: i64,
        /// The offset up to which the log was synced.
        synced: i64,
        /// The file that says so.
        recovery_point: PathBuf,
    },
    /// What a new cluster begins with.
    #[error(
        "{path}: what the cluster is to begin with cannot be read: {reason}. Bring the file back from a copy, or, if the \
         cluster is new, format the directory anew",
        path = path.display()
    )]
    Bootstrap {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The log does not start at the beginning, and nothing says what was before.
    #[error(
        "{path}: the log starts at offset {start}, but there is no snapshot of what was before it. Bring the .checkpoint \
         file back from a copy, or format the directory anew and let the node fetch everything from the other controllers",
        path = path.display()
    )]
    NoSnapshot {
        /// The directory.
        path: PathBuf,
        /// The log's first offset.
        start: i64,
    },
}

/// How much of the past is kept, beside the newest snapshot and what comes after it.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// `metadata.max.retention.bytes`: of log and snapshots together; `None` for no limit.
    pub bytes_max: Option<u64>,
    /// `metadata.max.retention.ms`: of the last record that a snapshot covers; `None` for no limit.
    pub age_max_ms: Option<i64>,
}

/// Where a snapshot goes.
#[derive(Debug)]
pub struct SnapshotFile {
    disk: Disk,
    path: PathBuf,
}

impl SnapshotFile {
    /// Writes the snapshot durably: it is there whole or not at all.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn write(&self, content: &[u8]) -> Result<(), MetadataLogError> {
        Ok(self.disk.replace_file(&self.path, content)?)
    }
}

/// The metadata log. Owned by the quorum's thread.
pub struct MetadataLog {
    disk: Disk,
    dir: PathBuf,
    log: Log,
    /// What the file of the recovery point says.
    recovery_point: i64,
    /// The high watermark, once this run has heard of one.
    committed: Option<i64>,
}

/// What was found when the log was opened.
pub struct Opened {
    /// The log.
    pub log: MetadataLog,
    /// Its shape.
    pub state: LogState,
    /// Voters and version in it.
    pub control: ControlState,
    /// Content of `quorum-state`.
    pub quorum_state: Option<QuorumStateFile>,
    /// The latest snapshot.
    pub snapshot: Option<(OffsetAndEpoch, Bytes)>,
}

impl MetadataLog {
    /// Opens the log in `metadata_log_dir`, checking all of it: a node must not count records that it does not have.
    ///
    /// # Errors
    /// If a file cannot be read or contradicts itself, or, of a node that may vote, lacks what it had.
    pub fn open(
        disk: &Disk,
        metadata_log_dir: &Path,
        may_vote: bool,
        config: LogConfig,
        now_ms: i64,
    ) -> Result<Opened, MetadataLogError> {
        let partition = TopicPartition::new(METADATA_TOPIC, 0);
        let dir = metadata_log_dir.join(partition.to_string());
        disk.create_dir_all(&dir)?;
        let snapshot = latest_snapshot(disk, &dir)?;
        let recovery_point = recovery_point::read(disk, &dir)?;
        if may_vote {
            let snapshot_offset = snapshot.as_ref().map(|(id, _)| id.offset);
            recovery_point::lacks_nothing(disk, &dir, recovery_point, snapshot_offset)?;
        }
        let handles = Handles::new(disk.clone(), OPEN_FILES_MAX);
        let mut log = Log::open(OpenLog {
            handles: &handles,
            dir: &dir,
            partition,
            config: Arc::new(config),
            log_start_offset: 0,
            recovery_point: 0,
            clean_shutdown: false,
            now_ms,
        })?;
        log.assign_topic_id(METADATA_TOPIC_ID)?;
        let mut log = Self { disk: disk.clone(), dir, log, recovery_point, committed: None };
        let latest = snapshot.as_ref().map(|(id, _)| *id);
        if let Some(id) = latest.filter(|id| *id != BOOTSTRAP_SNAPSHOT && contradicts(*id, &log.log)) {
            // A crash came between putting a fetched snapshot in place and starting the log anew behind it.
            log.begin_at(id.offset, now_ms)?;
        }
        let start = log.log.log_start_offset();
        if start > 0 && latest.is_none_or(|id| id.offset < start) {
            return Err(MetadataLogError::NoSnapshot { path: log.dir, start });
        }
        remove_leftovers(disk, &log.dir)?;
        log.remove_deleted()?;
        let (state, control) = log.recover(snapshot.as_ref())?;
        let quorum_state = log.read_quorum_state()?;
        if may_vote && quorum_state.is_none() {
            log.warn_of_lost_vote();
        }
        log.sync_all(now_ms)?;
        Ok(Opened { log, state, control, quorum_state, snapshot })
    }

    fn recover(
        &mut self,
        snapshot: Option<&(OffsetAndEpoch, Bytes)>,
    ) -> Result<(LogState, ControlState), MetadataLogError> {
        let path = self.dir.clone();
        let bad = |source| MetadataLogError::Batch { path: path.clone(), source };
        let start = self.log.log_start_offset();
        let mut recovery = Recovery::new(start);
        if let Some((id, content)) = snapshot {
            let damaged = |error: BatchError| self.bad_snapshot(*id, error.to_string());
            recovery.snapshot(*id, content.clone()).map_err(damaged)?;
        }
        let mut offset = start;
        while let Some((bytes, next)) = self.read(offset, self.log.log_end_offset(), READ_BYTES_MAX)? {
            recovery.batches(bytes).map_err(bad)?;
            offset = next;
        }
        Ok(recovery.finish())
    }

    /// Whole batches from `offset` on that end at or before `end_offset`, at most `bytes_max` bytes but at least one,
    /// and the offset after them; `None` if there are none.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub fn read(
        &mut self,
        offset: i64,
        end_offset: i64,
        bytes_max: u32,
    ) -> Result<Option<(Bytes, i64)>, MetadataLogError> {
        if offset >= end_offset {
            return Ok(None);
        }
        let data = self.log.read(offset, bytes_max, Isolation::LogEnd, true)?;
        let Some(slice) = data.records else { return Ok(None) };
        let bytes = slice.read()?;
        let mut whole = 0;
        let mut next = offset;
        for batch in klamm_protocol::records::BatchIter::new(bytes.clone()) {
            // The read may have been cut within the last batch.
            let batch = match batch {
                Ok(batch) => batch,
                Err(source) if whole == 0 => return Err(self.bad_batch(source)),
                Err(_) => break,
            };
            if batch.header().next_offset() > end_offset {
                break;
            }
            whole += batch.size();
            next = batch.header().next_offset();
        }
        Ok((whole > 0).then(|| (bytes.slice(..whole), next)))
    }

    /// Appends whole batches that have their offsets. They are durable once the handle is synced.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn append(&mut self, batches: Bytes, now_ms: i64) -> Result<FlushHandle, MetadataLogError> {
        self.log.append_as_follower(batches, i32::MAX, now_ms)?;
        Ok(self.log.flush_handle(true)?)
    }

    /// Notes that what an append's handle stands for is durable.
    pub fn mark_flushed(&mut self, flushed: klamm_log::Flushed, now_ms: i64) {
        self.log.mark_flushed(flushed, now_ms);
    }

    /// Cuts the log.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn truncate(&mut self, end_offset: i64, now_ms: i64) -> Result<(), MetadataLogError> {
        if end_offset < self.recovery_point {
            self.write_recovery_point(end_offset)?;
        }
        self.log.truncate_to(end_offset, now_ms)?;
        Ok(())
    }

    /// Replaces `quorum-state` durably.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn write_quorum_state(&self, content: &str) -> Result<(), MetadataLogError> {
        Ok(self.disk.replace_file(&self.dir.join(QuorumState::FILE_NAME), content.as_bytes())?)
    }

    fn read_quorum_state(&self) -> Result<Option<QuorumStateFile>, MetadataLogError> {
        let path = self.dir.join(QuorumState::FILE_NAME);
        if !self.disk.exists(&path) {
            return Ok(None);
        }
        let content = self.disk.read_file(&path, QUORUM_STATE_BYTES_MAX)?;
        let text = String::from_utf8_lossy(&content);
        match QuorumState::decode(&text) {
            Ok(state) => Ok(Some(state)),
            Err(error) => Err(MetadataLogError::QuorumState { path, reason: error.to_string() }),
        }
    }

    /// Removing the file is the way to other static voters, with all controllers stopped, so that it is no reason to
    /// refuse the start. In the epochs that the log knows nobody gets a vote for lack of it: a candidate of one of them does
    /// not have its records.
    fn warn_of_lost_vote(&self) {
        let Some(epoch) = self.log.leader_epochs().latest_epoch() else { return };
        tracing::warn!(
            file = %self.dir.join(QuorumState::FILE_NAME).display(),
            epoch,
            "there is a log but no quorum-state: whom this node has voted for after this epoch is forgotten, and it could \
             vote twice. Unless the file was removed from all controllers while they were stopped, to change \
             controller.quorum.voters, stop the node and bring the file back from a copy"
        );
    }

    /// The size of a snapshot and the bytes from `position` on, at most `bytes_max`; `None` if there is no such snapshot.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn read_snapshot(
        &self,
        id: OffsetAndEpoch,
        position: i64,
        bytes_max: i32,
    ) -> Result<Option<(i64, Bytes)>, MetadataLogError> {
        let path = self.dir.join(snapshot_name(id));
        if !self.disk.exists(&path) {
            return Ok(None);
        }
        let file = self.disk.open(&path, OpenMode::Read)?;
        let len = file.len()?;
        let start = u64::try_from(position).unwrap_or(0).min(len);
        let wanted = u64::try_from(bytes_max).unwrap_or(0).min(len - start);
        let mut bytes = vec![0; usize::try_from(wanted).unwrap_or(0)];
        file.read_exact_at(&mut bytes, start)?;
        Ok(Some((i64::try_from(len).unwrap_or(i64::MAX), bytes.into())))
    }

    /// Where a snapshot of our own goes; may be written on another thread.
    pub fn snapshot_file(&self, id: OffsetAndEpoch) -> SnapshotFile {
        SnapshotFile { disk: self.disk.clone(), path: self.dir.join(snapshot_name(id)) }
    }

    /// Forgets the oldest snapshot, and the records that only it needs, for as long as `retention` wants it; the newest
    /// snapshot always stays. Returns the new start of the log and the oldest snapshot left, if anything was forgotten.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn clean(
        &mut self,
        retention: Retention,
        high_watermark: i64,
        now_ms: i64,
    ) -> Result<Option<(i64, OffsetAndEpoch)>, MetadataLogError> {
        let mut snapshots = Vec::new();
        for id in snapshot_ids(&self.disk, &self.dir)? {
            let path = self.dir.join(snapshot_name(id));
            snapshots.push((id, self.disk.metadata(&path)?.len, path));
        }
        let mut size = self.log.size() + snapshots.iter().map(|(_, len, _)| len).sum::<u64>();
        let mut trimmed = None;
        for pair in snapshots.windows(2) {
            let [(_, len, path), (next, ..)] = pair else { break };
            let too_large = retention.bytes_max.is_some_and(|bytes_max| size > bytes_max);
            let superseded = next.offset <= self.log.log_start_offset();
            if next.offset > high_watermark
                || !(too_large || superseded || self.is_too_old(path, retention, now_ms)?)
            {
                break;
            }
            let before = self.log.size();
            self.log.set_high_watermark(high_watermark);
            self.log.advance_log_start_offset(next.offset)?;
            self.log.delete_old_segments(now_ms)?;
            self.remove_deleted()?;
            self.disk.remove_file(path)?;
            size -= len + (before - self.log.size());
            trimmed = Some((self.log.log_start_offset(), *next));
        }
        Ok(trimmed)
    }

    /// Whether the last record that a snapshot covers is older than the retention.
    fn is_too_old(&self, path: &Path, retention: Retention, now_ms: i64) -> Result<bool, MetadataLogError> {
        let Some(age_max_ms) = retention.age_max_ms else { return Ok(false) };
        let file = self.disk.open(path, OpenMode::Read)?;
        let mut start = vec![0; usize::try_from(file.len()?.min(SNAPSHOT_HEADER_BYTES)).unwrap_or(0)];
        file.read_exact_at(&mut start, 0)?;
        let timestamp_ms = checkpoint::last_contained_timestamp_ms(start.into());
        Ok(timestamp_ms.is_some_and(|timestamp_ms| now_ms.saturating_sub(timestamp_ms) > age_max_ms))
    }

    /// Nobody reads segments of the metadata log by name, so that they need not be kept for a while.
    fn remove_deleted(&mut self) -> Result<(), MetadataLogError> {
        for deletion in self.log.take_pending_deletions() {
            deletion.remove(&self.disk)?;
        }
        Ok(())
    }

    /// Writes a part of a snapshot that is being fetched; position 0 starts it anew.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn write_snapshot_part(
        &self,
        id: OffsetAndEpoch,
        position: i64,
        bytes: &[u8],
    ) -> Result<(), MetadataLogError> {
        let file = self.disk.open(&self.part_path(id), OpenMode::Create)?;
        let position = u64::try_from(position).unwrap_or(0);
        if position == 0 {
            file.truncate(0)?;
        }
        file.write_at(bytes, position)?;
        Ok(())
    }

    /// All of a fetched snapshot, before it is put in place.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn read_snapshot_part(&self, id: OffsetAndEpoch) -> Result<Bytes, MetadataLogError> {
        Ok(self.disk.read_file(&self.part_path(id), SNAPSHOT_BYTES_MAX)?.into())
    }

    /// Puts a fetched snapshot in place durably and starts the log anew behind it: what the log held may be another
    /// history, however long. A crash in between is made good at the next start.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn install_snapshot(&mut self, id: OffsetAndEpoch, now_ms: i64) -> Result<(), MetadataLogError> {
        let (part, path) = (self.part_path(id), self.dir.join(snapshot_name(id)));
        self.disk.open(&part, OpenMode::ReadWrite)?.sync_all()?;
        self.disk.rename(&part, &path)?;
        self.disk.sync_dir(&self.dir)?;
        self.begin_at(id.offset, now_ms)?;
        self.remove_deleted()?;
        for older in snapshot_ids(&self.disk, &self.dir)? {
            if older < id {
                self.disk.remove_file(&self.dir.join(snapshot_name(older)))?;
            }
        }
        Ok(())
    }

    fn part_path(&self, id: OffsetAndEpoch) -> PathBuf {
        self.dir.join(format!("{}.part", snapshot_name(id)))
    }

    /// The error of a snapshot that cannot be used.
    pub fn bad_snapshot(&self, id: OffsetAndEpoch, reason: String) -> MetadataLogError {
        MetadataLogError::Snapshot { path: self.dir.join(snapshot_name(id)), reason }
    }

    /// The error of a batch of this log that cannot be read.
    pub fn bad_batch(&self, source: BatchError) -> MetadataLogError {
        MetadataLogError::Batch { path: self.dir.clone(), source }
    }

    /// Closes the log, all of it synced.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn close(&mut self) -> Result<(), MetadataLogError> {
        self.log.close()?.sync()?;
        self.note_closed();
        Ok(())
    }
}

/// Whether a log lacks what a snapshot stands for, or has something else there. A snapshot is committed, the end of a log
/// need not be: not even one of a newer epoch.
fn contradicts(id: OffsetAndEpoch, log: &Log) -> bool {
    let epochs = log.leader_epochs();
    let is_behind = id.epoch > epochs.latest_epoch().unwrap_or(0) || id.offset > log.log_end_offset();
    let covers_end = id.offset > log.log_start_offset();
    let epoch = epochs.epoch_for_offset(id.offset - 1).filter(|_| covers_end);
    is_behind || epoch.is_some_and(|epoch| epoch > id.epoch)
}

fn snapshot_name(id: OffsetAndEpoch) -> String {
    checkpoint::file_name(id.offset, id.epoch)
}

fn parse_snapshot_name(name: &str) -> Option<OffsetAndEpoch> {
    checkpoint::parse_file_name(name).map(|(offset, epoch)| OffsetAndEpoch { offset, epoch })
}

/// The snapshots in a directory, oldest first.
fn snapshot_ids(disk: &Disk, dir: &Path) -> Result<Vec<OffsetAndEpoch>, MetadataLogError> {
    let names = disk.read_dir(dir)?;
    let mut ids: Vec<_> = names.iter().filter_map(|entry| parse_snapshot_name(&entry.name)).collect();
    ids.sort_unstable();
    Ok(ids)
}

/// Removes snapshots that were being fetched or deleted when the node stopped.
fn remove_leftovers(disk: &Disk, dir: &Path) -> Result<(), MetadataLogError> {
    for entry in disk.read_dir(dir)? {
        if [".checkpoint.part", ".checkpoint.deleted"].iter().any(|suffix| entry.name.ends_with(suffix)) {
            disk.remove_file(&dir.join(&entry.name))?;
        }
    }
    Ok(())
}

fn latest_snapshot(disk: &Disk, dir: &Path) -> Result<Option<(OffsetAndEpoch, Bytes)>, MetadataLogError> {
    let Some(id) = snapshot_ids(disk, dir)?.pop() else { return Ok(None) };
    let content = disk.read_file(&dir.join(snapshot_name(id)), SNAPSHOT_BYTES_MAX)?;
    Ok(Some((id, content.into())))
}

/// What the snapshot says that `storage format` leaves beside the log for a new cluster to begin with:
/// `bootstrap.checkpoint`. The latest released `metadata.version` if there is none.
///
/// # Errors
/// If there is one that cannot be read, or is damaged: a cluster that began without it would be of the oldest level, and
/// without the credentials that were given to `storage format`.
pub fn read_bootstrap(disk: &Disk, metadata_log_dir: &Path) -> Result<Vec<MetadataRecord>, MetadataLogError> {
    let path = metadata_log_dir.join(bootstrap::FILE_NAME);
    match disk.read_file(&path, SNAPSHOT_BYTES_MAX) {
        Err(error) if error.is_not_found() => Ok(bootstrap::without_file()),
        Err(error) => Err(error.into()),
        Ok(content) => bootstrap::decode(content.into())
            .map_err(|error| MetadataLogError::Bootstrap { path, reason: error.to_string() }),
    }
}

#[cfg(test)]
mod tests;
