//! Putting a cleaned segment in the place of the old ones.
//!
//! A crash must find either the old segments or the new one. The files of the new one are `.cleaned` until they are
//! synced, then `.swap`; from there on the start finishes what was begun (see `recovery.rs`). Then the old ones get their
//! `.deleted` names, then the new one its own.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use klamm_io::disk::Disk;

use crate::error::Result;
use crate::log::Log;
use crate::names::{CLEANED_SUFFIX, FileKind, SWAP_SUFFIX};
use crate::segment::Segment;

/// A segment that a cleaning has written and synced.
#[derive(Debug)]
pub struct CleanedSegment {
    pub(crate) base_offset: i64,
    pub(crate) size: u32,
    pub(crate) transaction_index_len: u64,
    /// Base offsets of the segments whose place it takes.
    pub(crate) replaced: Vec<i64>,
    pub(crate) aborted: Arc<AtomicBool>,
    pub(crate) disk: Disk,
    pub(crate) dir: PathBuf,
}

impl CleanedSegment {
    /// Makes the new names lasting, after [`Log::swap_cleaned`]. Blocks for the device.
    pub fn sync_names(&self) -> Result<()> {
        match self.disk.sync_dir(&self.dir) {
            Err(e) if e.is_not_found() => Ok(()),
            result => Ok(result?),
        }
    }

    /// Removes the files of a segment that the log has refused.
    pub fn discard(&self) {
        remove_cleaned(&self.disk, &self.dir, self.base_offset);
    }
}

/// Removes a segment that is not finished. What cannot be removed now, the next start removes.
pub(crate) fn remove_cleaned(disk: &Disk, dir: &std::path::Path, base_offset: i64) {
    for kind in FileKind::OF_SEGMENT {
        let name = crate::names::file_name(base_offset, kind) + CLEANED_SUFFIX;
        let _ = disk.remove_file(&dir.join(name));
    }
}

impl Log {
    /// Puts a cleaned segment in the place of the ones that it was made from. Short: names change, nothing is read. False
    /// if the log has changed meanwhile in such a way that the segment is worthless.
    pub fn swap_cleaned(&mut self, cleaned: &CleanedSegment, now_ms: i64) -> Result<bool> {
        let is_current =
            self.cleaning.running.as_ref().is_some_and(|running| Arc::ptr_eq(running, &cleaned.aborted));
        if !is_current || cleaned.aborted.load(Ordering::Acquire) {
            return Ok(false);
        }
        let first = self.segments.partition_point(|segment| segment.base_offset < cleaned.base_offset);
        let end = first + cleaned.replaced.len();
        let old = self.segments.get(first..end).unwrap_or_default();
        // Whatever takes a segment away or adds one below the active one ends the cleaning.
        let same = old.iter().map(|segment| segment.base_offset).eq(cleaned.replaced.iter().copied());
        assert!(same && end < self.segments.len(), "segments have changed under a cleaning");
        let has_transactions = cleaned.transaction_index_len > 0;
        let kinds = || {
            FileKind::OF_SEGMENT.into_iter().filter(|k| *k != FileKind::TransactionIndex || has_transactions)
        };
        let named = |kind, suffix: &str| {
            let mut name = self.files.path(cleaned.base_offset, kind).into_os_string();
            name.push(suffix);
            PathBuf::from(name)
        };
        let disk = self.files.disk().clone();
        let swaps: Vec<(PathBuf, PathBuf)> = kinds()
            .map(|kind| (named(kind, SWAP_SUFFIX), self.files.path(cleaned.base_offset, kind)))
            .collect();
        for kind in kinds() {
            disk.rename(&named(kind, CLEANED_SUFFIX), &named(kind, SWAP_SUFFIX))?;
        }
        let jitter = self.config.segment_jitter(self.seed(), cleaned.base_offset);
        let mut segment =
            Segment::existing(cleaned.base_offset, cleaned.size, cleaned.transaction_index_len, now_ms);
        segment.set_jitter(jitter);
        let removed: Vec<Segment> = self.segments.splice(first..end, [segment]).collect();
        self.delete_replaced(removed, cleaned.base_offset, now_ms)?;
        for (swap, path) in swaps {
            disk.rename(&swap, &path)?;
        }
        self.high_watermark_at = None;
        self.first_unstable_at = None;
        Ok(true)
    }
}
