//! Syncing, which happens off the shard.
//!
//! The owner asks whether a sync is due, takes a [`FlushHandle`], lets another thread do [`FlushHandle::sync`], and
//! gives the result back to [`Log::mark_flushed`]. Only then does the recovery point move.

use std::path::PathBuf;

use klamm_io::disk::{Disk, File, OpenMode};

use crate::error::Result;
use crate::leader_epochs;
use crate::log::Log;
use crate::names::FileKind;
use crate::partition_metadata;

/// What was written beside the segments and not synced yet.
#[derive(Debug, Default)]
pub(crate) struct Unsynced {
    pub(crate) epochs: bool,
    pub(crate) partition_metadata: bool,
    /// The partition's directory was made, and its name is not known to last.
    pub(crate) new_dir: bool,
    /// The log was opened after a crash: the small files may be what a process wrote that died before it synced them. They
    /// go with the next sync, but are no reason for one.
    pub(crate) after_crash: bool,
    pub(crate) snapshots: Vec<PathBuf>,
    /// Counts truncations: a sync that began before one says nothing about the offsets written after it.
    pub(crate) truncations: u32,
    /// The end of the log was taken back, and a loss of power could bring it back behind what is written now.
    pub(crate) truncated: bool,
    /// A handle is out, so that another one would sync the same again.
    pub(crate) in_flight: bool,
}

/// Files that must be synced, and up to which offset the log is safe then.
#[derive(Debug)]
pub struct FlushHandle {
    disk: Disk,
    dir: PathBuf,
    files: Vec<File>,
    // Small files, by name: they are replaced, not written to.
    replaced: Vec<PathBuf>,
    sync_dir: bool,
    // The partition's directory is new, so that its own name must be synced as well.
    sync_parent: bool,
    flushed: Flushed,
}

/// Proof that a sync was done.
#[derive(Clone, Copy, Debug)]
pub struct Flushed {
    up_to: i64,
    truncations: u32,
}

impl FlushHandle {
    /// Syncs the files. Blocks for the device. After an error the log directory must go offline: trying again proves
    /// nothing, since the system may have dropped the pages that it could not write.
    pub fn sync(self) -> Result<Flushed> {
        for file in &self.files {
            file.sync_data()?;
        }
        for path in &self.replaced {
            match self.disk.open(path, OpenMode::Read) {
                Ok(file) => file.sync_all()?,
                // Replaced or removed meanwhile; then there is another sync to come.
                Err(e) if e.is_not_found() => {}
                Err(e) => return Err(e.into()),
            }
        }
        if self.sync_dir {
            match self.disk.sync_dir(&self.dir) {
                Err(e) if e.is_not_found() => {}
                result => result?,
            }
        }
        if self.sync_parent
            && let Some(parent) = self.dir.parent()
        {
            self.disk.sync_dir(parent)?;
        }
        Ok(self.flushed)
    }

    /// Counts as synced without being it: for a replica whose records others have made durable.
    pub fn unsynced(self) -> Result<Flushed> {
        Ok(Flushed { up_to: i64::MIN, ..self.flushed })
    }

    /// The offset up to which the log is safe once it is synced.
    pub fn up_to(&self) -> i64 {
        self.flushed.up_to
    }
}

impl Log {
    /// Whether a sync is due: a segment was closed, `flush.messages` or `flush.ms` is reached, or one of the small
    /// files has changed. Closed segments are always synced, so that recovery never has more than the active one to
    /// check. Not while a sync is under way.
    pub fn needs_flush(&self, now_ms: i64) -> bool {
        if self.unsynced.in_flight {
            return false;
        }
        let unflushed = self.log_end_offset > self.recovery_point;
        let aged = unflushed && now_ms.saturating_sub(self.last_flushed_ms) >= self.config.flush_ms;
        self.recovery_point < self.active().base_offset
            || self.reaches_flush_messages()
            || aged
            || self.unsynced.epochs
            || self.unsynced.partition_metadata
            || self.unsynced.truncated
    }

    /// Whether as many records as `flush.messages` says are not synced yet.
    pub fn reaches_flush_messages(&self) -> bool {
        self.log_end_offset.saturating_sub(self.recovery_point) >= self.config.flush_messages
    }

    /// What is before it is as durable as `flush.messages` wants it. That is the log end offset, but from the
    /// append on that reaches that number the recovery point, until a sync is done: Kafka syncs within that append, so that
    /// nobody hears of it, nor of those that come after it, before.
    pub fn durable_end_offset(&self) -> i64 {
        if self.reaches_flush_messages() { self.recovery_point } else { self.log_end_offset }
    }

    /// When [`Log::needs_flush`] will be true by `flush.ms`, in milliseconds of the wall clock.
    pub fn flush_deadline_ms(&self) -> Option<i64> {
        let timed = self.config.flush_ms < i64::MAX && self.log_end_offset > self.recovery_point;
        timed.then(|| self.last_flushed_ms.saturating_add(self.config.flush_ms))
    }

    /// What must be synced now. If that fails, the log directory is lost; there is no second try. With `include_active` all that was appended, else only closed segments.
    pub fn flush_handle(&mut self, include_active: bool) -> Result<FlushHandle> {
        let up_to = if include_active { self.log_end_offset } else { self.active().base_offset };
        let from = self.recovery_point;
        let mut files = Vec::new();
        let truncated = std::mem::take(&mut self.unsynced.truncated);
        let after_crash = std::mem::take(&mut self.unsynced.after_crash);
        let epochs = std::mem::take(&mut self.unsynced.epochs) || after_crash;
        let metadata = std::mem::take(&mut self.unsynced.partition_metadata) || after_crash;
        let mut sync_dir = epochs || metadata || truncated;
        if from < up_to || truncated {
            let first = self.segment_index(from).unwrap_or(0);
            for segment in self.segments.get(first..).unwrap_or_default() {
                // A truncation has made the segment shorter that was the active one then.
                if segment.base_offset >= up_to && !truncated {
                    break;
                }
                // Names of segments that are older than the recovery point were synced with it.
                sync_dir |= segment.base_offset >= from;
                files.push(self.files.existing(segment.base_offset, FileKind::Log)?);
                files.push(self.files.created(segment.base_offset, FileKind::OffsetIndex)?);
                files.push(self.files.created(segment.base_offset, FileKind::TimeIndex)?);
                if !segment.transaction_index.is_empty() {
                    files.push(self.files.existing(segment.base_offset, FileKind::TransactionIndex)?);
                }
            }
        }
        self.unsynced.in_flight = true;
        let mut replaced = std::mem::take(&mut self.unsynced.snapshots);
        if epochs {
            replaced.push(leader_epochs::path(self.files.dir()));
        }
        if metadata {
            replaced.push(partition_metadata::path(self.files.dir()));
        }
        Ok(FlushHandle {
            disk: self.files.disk().clone(),
            dir: self.files.dir().to_path_buf(),
            files,
            replaced,
            sync_dir,
            sync_parent: std::mem::take(&mut self.unsynced.new_dir),
            flushed: Flushed { up_to, truncations: self.unsynced.truncations },
        })
    }

    /// Takes note of a sync: the recovery point moves, unless the log was truncated meanwhile.
    pub fn mark_flushed(&mut self, flushed: Flushed, now_ms: i64) {
        self.unsynced.in_flight = false;
        if flushed.truncations == self.unsynced.truncations && flushed.up_to > self.recovery_point {
            self.recovery_point = flushed.up_to;
            self.last_flushed_ms = now_ms;
        }
    }

    /// Prepares a clean shutdown: whoever opens the log next finds its end without a search and its producers without
    /// a replay. The handle must be synced before the log is dropped.
    pub fn close(&mut self) -> Result<FlushHandle> {
        let Self { segments, files, .. } = self;
        if let Some(active) = segments.last_mut() {
            active.write_max_timestamp(files)?;
            if self.config.preallocate {
                active.file(files)?.truncate(u64::from(active.size))?;
            }
        }
        if self.producers.take_snapshot(&self.files)? {
            let path = self.files.path(self.producers.map_end_offset(), FileKind::ProducerSnapshot);
            self.unsynced.snapshots.push(path);
        }
        self.flush_handle(true)
    }
}
