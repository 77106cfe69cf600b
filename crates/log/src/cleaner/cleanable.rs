//! How dirty a log is, and what there is to be cleaned.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::Result;
use crate::log::Log;
use crate::segment::Segment;

/// Where the cleaning of a log stands. Part of the log.
#[derive(Default)]
pub(crate) struct CleaningState {
    /// Up to where the log was cleaned, from [`crate::checkpoints::CLEANER_OFFSET_FILE`].
    pub(crate) checkpoint: Option<i64>,
    /// Cleaning has failed; it is not tried again before the next start.
    pub(crate) failed: bool,
    /// A cleaning is under way, and whether what it does has become worthless.
    pub(crate) running: Option<Arc<AtomicBool>>,
}

impl CleaningState {
    /// Whether a cleaning is under way that is worth something.
    pub(crate) fn is_running(&self) -> bool {
        self.running.as_ref().is_some_and(|aborted| !aborted.load(Ordering::Acquire))
    }

    /// The log is not any more what the cleaning under way has read.
    pub(crate) fn abort(&mut self) {
        if let Some(aborted) = self.running.take() {
            aborted.store(true, Ordering::Release);
        }
    }

    /// The log ends at `offset` now.
    pub(crate) fn truncated(&mut self, offset: i64) {
        self.abort();
        self.checkpoint = self.checkpoint.map(|checkpoint| checkpoint.min(offset));
    }
}

impl Drop for CleaningState {
    fn drop(&mut self) {
        self.abort();
    }
}

/// A log that can be cleaned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cleanable {
    /// Everything before it has been cleaned.
    pub first_dirty_offset: i64,
    /// Nothing from it on may be cleaned; base offset of a segment.
    pub first_uncleanable_offset: i64,
    /// Bytes that have been cleaned.
    pub clean_bytes: u64,
    /// Bytes that have not, but may be.
    pub cleanable_bytes: u64,
    /// How much longer than `max.compaction.lag.ms` a record has waited, in milliseconds; 0 if none has.
    pub overdue_ms: i64,
}

impl Cleanable {
    /// The part of the log that is dirty, 0 to 1: the log with most goes first.
    pub fn dirty_ratio(&self) -> f64 {
        let all = self.clean_bytes + self.cleanable_bytes;
        if all == 0 { 0.0 } else { self.cleanable_bytes as f64 / all as f64 }
    }

    /// Whether it is worth the while, or has to be (`min.cleanable.dirty.ratio`).
    pub fn is_due(&self, dirty_ratio_min: f64) -> bool {
        (self.overdue_ms > 0 && self.cleanable_bytes > 0) || self.dirty_ratio() > dirty_ratio_min
    }
}

impl Log {
    /// Up to where the log was cleaned, for [`crate::checkpoints::CLEANER_OFFSET_FILE`]. `None` if it never was.
    pub fn cleaner_checkpoint(&self) -> Option<i64> {
        self.cleaning.checkpoint
    }

    /// Says up to where the log was cleaned, after it was opened.
    pub fn set_cleaner_checkpoint(&mut self, offset: Option<i64>) {
        self.cleaning.checkpoint = offset;
    }

    /// How dirty the log is. `None` if it is not compacted, is being cleaned or cannot be, or is empty.
    pub fn cleanable(&mut self, now_ms: i64) -> Result<Option<Cleanable>> {
        if !self.config.compact || self.cleaning.failed || self.cleaning.is_running() {
            return Ok(None);
        }
        let first_dirty_offset = self.first_dirty_offset();
        let bound = self.first_uncleanable_offset(first_dirty_offset, now_ms)?.max(first_dirty_offset);
        // Segments are cleaned whole: the one with the bound is not.
        let active_base = self.active().base_offset;
        let first_uncleanable_offset = match self.segment_index(bound) {
            Some(index) if bound < active_base => {
                self.segments.get(index).map_or(active_base, |segment| segment.base_offset)
            }
            _ => active_base,
        };
        let bytes =
            |segments: &[Segment]| segments.iter().map(|segment| u64::from(segment.size)).sum::<u64>();
        let clean_end = self.segments.partition_point(|segment| segment.base_offset < first_dirty_offset);
        let dirty_from =
            self.segment_index(first_dirty_offset.min(first_uncleanable_offset)).unwrap_or_default();
        let dirty_end = self.segments.partition_point(|s| s.base_offset < first_uncleanable_offset);
        let found = Cleanable {
            first_dirty_offset,
            first_uncleanable_offset,
            clean_bytes: bytes(self.segments.get(..clean_end).unwrap_or_default()),
            cleanable_bytes: bytes(self.segments.get(dirty_from..dirty_end).unwrap_or_default()),
            overdue_ms: self.overdue_ms(first_dirty_offset, now_ms)?,
        };
        Ok((found.clean_bytes + found.cleanable_bytes > 0).then_some(found))
    }

    /// From the checkpoint, unless that cannot be: then all of the log is dirty.
    fn first_dirty_offset(&mut self) -> i64 {
        let start = self.log_start_offset;
        let checkpoint = self.cleaning.checkpoint.unwrap_or(start);
        if checkpoint >= start && checkpoint <= self.log_end_offset {
            return checkpoint;
        }
        if checkpoint > self.log_end_offset || !self.config.delete {
            tracing::warn!(
                partition = %self.partition,
                checkpoint,
                log_start_offset = start,
                log_end_offset = self.log_end_offset,
                "the cleaner's checkpoint lies outside of the log, all of which counts as dirty"
            );
        }
        self.cleaning.checkpoint = Some(start);
        start
    }

    /// Sealed segments from the one with this offset on.
    fn sealed_from(&self, offset: i64) -> std::ops::Range<usize> {
        let sealed = self.segments.len().saturating_sub(1);
        if offset > self.active().base_offset {
            return sealed..sealed;
        }
        self.segment_index(offset).unwrap_or(0)..sealed
    }

    /// What is not decided, active or too young (`min.compaction.lag.ms`) must stay as it is. Neither may an older record go
    /// for one that a loss of power could still take away, which Kafka leaves to the time that passes before it cleans.
    fn first_uncleanable_offset(&mut self, first_dirty_offset: i64, now_ms: i64) -> Result<i64> {
        let mut bound =
            self.last_stable_offset().min(self.active().base_offset).min(self.recovery_point_written);
        let lag_ms = self.config.min_compaction_lag_ms;
        if lag_ms > 0 {
            let sealed = self.sealed_from(first_dirty_offset);
            let Self { segments, files, .. } = self;
            for segment in segments.get_mut(sealed).unwrap_or_default() {
                if segment.retention_timestamp(files)? > now_ms.saturating_sub(lag_ms) {
                    bound = bound.min(segment.base_offset);
                    break;
                }
            }
        }
        Ok(bound)
    }

    fn overdue_ms(&mut self, first_dirty_offset: i64, now_ms: i64) -> Result<i64> {
        let until = now_ms.saturating_sub(self.config.max_compaction_lag_ms.max(0));
        if until <= 0 {
            return Ok(0);
        }
        let sealed = self.sealed_from(first_dirty_offset);
        let Self { segments, files, .. } = self;
        let mut overdue_ms = 0;
        for segment in segments.get_mut(sealed).unwrap_or_default() {
            let first = segment.first_batch_timestamp(files)?;
            if first > 0 {
                overdue_ms = overdue_ms.max(until - first);
            }
        }
        Ok(overdue_ms)
    }
}
