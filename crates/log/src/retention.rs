//! Deleting old segments.
//!
//! A segment goes when all of it lies before the log start offset, when the log is larger than `retention.bytes`
//! without it, or when its youngest record is older than `retention.ms`; the oldest first, and never beyond the high
//! watermark. Its files get the suffix `.deleted` at once, and the owner removes them when their time has come, so
//! that a slow reader by name (a backup, a tool) is not cut off.

use std::path::PathBuf;

use klamm_io::disk::Disk;

use crate::error::Result;
use crate::log::Log;
use crate::segment::Segment;

/// Files that have been renamed and wait for their removal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingDeletion {
    /// The files.
    pub paths: Vec<PathBuf>,
    /// When to remove them, in milliseconds of the wall clock.
    pub due_ms: i64,
}

impl PendingDeletion {
    /// Removes the files; those that are gone already do not matter.
    pub fn remove(&self, disk: &Disk) -> Result<()> {
        for path in &self.paths {
            disk.remove_file(path)?;
        }
        Ok(())
    }
}

impl Log {
    /// Deletes the segments that retention lets go. Returns how many. See [`Log::take_pending_deletions`]. Waits while
    /// the log is being cleaned.
    pub fn delete_old_segments(&mut self, now_ms: i64) -> Result<usize> {
        if self.cleaning.is_running() {
            return Ok(0);
        }
        let mut deleted = self.delete_while(now_ms, |log, index| {
            let start = log.log_start_offset;
            Ok(log.segments.get(index + 1).is_some_and(|next| next.base_offset <= start))
        })?;
        if self.config.delete {
            deleted += self.delete_by_size(now_ms)?;
            deleted += self.delete_by_age(now_ms)?;
        }
        Ok(deleted)
    }

    fn delete_by_size(&mut self, now_ms: i64) -> Result<usize> {
        let Ok(retention_bytes) = u64::try_from(self.config.retention_bytes) else { return Ok(0) };
        let Some(mut excess) = self.size().checked_sub(retention_bytes) else { return Ok(0) };
        self.delete_while(now_ms, |log, index| {
            let size = log.segments.get(index).map_or(u64::MAX, |segment| u64::from(segment.size));
            match excess.checked_sub(size) {
                Some(rest) => {
                    excess = rest;
                    Ok(true)
                }
                None => Ok(false),
            }
        })
    }

    fn delete_by_age(&mut self, now_ms: i64) -> Result<usize> {
        let retention_ms = self.config.retention_ms;
        if retention_ms < 0 {
            return Ok(0);
        }
        self.delete_while(now_ms, |log, index| {
            let Self { segments, files, .. } = log;
            let Some(segment) = segments.get_mut(index) else { return Ok(false) };
            Ok(now_ms.saturating_sub(segment.retention_timestamp(files)?) > retention_ms)
        })
    }

    /// Deletes segments from the oldest on as long as `goes` says so.
    fn delete_while(
        &mut self,
        now_ms: i64,
        mut goes: impl FnMut(&mut Self, usize) -> Result<bool>,
    ) -> Result<usize> {
        let mut count = 0;
        while let Some(segment) = self.segments.get(count) {
            let is_last = count + 1 == self.segments.len();
            let end_offset =
                self.segments.get(count + 1).map_or(self.log_end_offset, |next| next.base_offset);
            let is_empty_active = is_last && segment.size == 0;
            if is_empty_active || self.high_watermark < end_offset || !goes(self, count)? {
                break;
            }
            count += 1;
        }
        if count == 0 {
            return Ok(0);
        }
        if count == self.segments.len() {
            self.roll(now_ms)?;
        }
        let new_start = self.segments.get(count).map_or(self.log_end_offset, |next| next.base_offset);
        self.advance_log_start_offset(new_start)?;
        let removed: Vec<Segment> = self.segments.drain(..count).collect();
        self.delete_segments(removed, now_ms)?;
        Ok(count)
    }

    /// Gives the files of segments that are no longer part of the log, and their snapshots, to deletion, in the given
    /// order. A crash on the way must leave no hole in the log: of a log's beginning the oldest goes first, of its end
    /// the newest.
    pub(crate) fn delete_segments(&mut self, removed: Vec<Segment>, now_ms: i64) -> Result<()> {
        for segment in &removed {
            tracing::info!(partition = %self.partition, base_offset = segment.base_offset, "deleting segment");
        }
        self.delete_replaced(removed, -1, now_ms)
    }

    /// As [`Log::delete_segments`], for segments whose place one takes that begins at `base_offset`; the producer
    /// snapshot of that offset stays.
    pub(crate) fn delete_replaced(
        &mut self,
        removed: Vec<Segment>,
        base_offset: i64,
        now_ms: i64,
    ) -> Result<()> {
        let mut paths = Vec::new();
        for segment in removed {
            paths.extend(segment.mark_deleted(&self.files)?);
            if segment.base_offset != base_offset {
                paths.extend(self.producers.mark_snapshot_deleted(&self.files, segment.base_offset)?);
            }
        }
        if !paths.is_empty() {
            let due_ms = now_ms.saturating_add(self.config.file_delete_delay_ms);
            self.pending_deletions.push(PendingDeletion { paths, due_ms });
        }
        Ok(())
    }

    /// Files whose removal is due later; the caller sees to it. Files that are not removed before a restart are
    /// removed by it.
    pub fn take_pending_deletions(&mut self) -> Vec<PendingDeletion> {
        std::mem::take(&mut self.pending_deletions)
    }

    /// Moves the log start offset forward, as DeleteRecords and retention do. An offset above the high watermark is
    /// refused; one at or below the log start offset changes nothing. Returns whether anything changed.
    pub fn advance_log_start_offset(&mut self, offset: i64) -> Result<bool> {
        if offset > self.high_watermark {
            return Err(self.out_of_range(offset));
        }
        if offset <= self.log_start_offset {
            return Ok(false);
        }
        self.log_start_offset = offset;
        self.recovery_point = self.recovery_point.max(offset);
        self.doubted_from = self.doubted_from.map(|doubted| doubted.max(offset));
        if self.epochs.truncate_from_start(offset) {
            self.write_epochs()?;
        }
        self.producers.on_log_start_offset(offset);
        Ok(true)
    }
}
