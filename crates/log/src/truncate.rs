//! Taking back the end of a log, or all of it.

use crate::error::Result;
use crate::log::Log;
use crate::recovery::rebuild_producer_state;
use crate::segment::Segment;

impl Log {
    /// Drops everything from `offset` on. Returns whether there was anything.
    pub fn truncate_to(&mut self, offset: i64, now_ms: i64) -> Result<bool> {
        if offset >= self.log_end_offset {
            if self.epochs.truncate_from_end(self.log_end_offset) {
                self.write_epochs()?;
            }
            return Ok(false);
        }
        let offset = offset.max(0);
        // Before any file goes: whoever reads them must not take that for a failure.
        self.cleaning.abort();
        if self.segments.first().is_some_and(|first| first.base_offset > offset) {
            self.truncate_fully_and_start_at(offset, None, now_ms)?;
            return Ok(true);
        }
        let keep = self.segments.partition_point(|segment| segment.base_offset <= offset);
        let removed: Vec<Segment> = self.segments.drain(keep..).rev().collect();
        self.delete_segments(removed, now_ms)?;
        let (active, files) = self.active_mut();
        active.truncate_to(files, offset, now_ms)?;
        self.log_end_offset = offset;
        self.log_start_offset = self.log_start_offset.min(offset);
        self.note_truncation(offset);
        if self.epochs.truncate_from_end(offset) {
            self.write_epochs()?;
        }
        self.rebuild_producers(now_ms)?;
        // Also where it does not move: transactions that ended below it were replayed as if nobody had their ends.
        self.set_high_watermark(self.high_watermark);
        Ok(true)
    }

    /// Drops everything; the next record gets `offset`. The log start offset becomes `log_start_offset`, or `offset`.
    pub fn truncate_fully_and_start_at(
        &mut self,
        offset: i64,
        log_start_offset: Option<i64>,
        now_ms: i64,
    ) -> Result<()> {
        self.cleaning.abort();
        let mut removed = std::mem::take(&mut self.segments);
        removed.reverse();
        let deleted = self.delete_segments(removed, now_ms);
        let segment = Segment::create(&self.files, offset, &self.config, now_ms, self.seed())?;
        self.segments.push(segment);
        deleted?;
        if self.epochs.clear() {
            self.write_epochs()?;
        }
        self.producers.truncate_fully_and_start_at(&self.files, offset)?;
        self.log_end_offset = offset;
        self.log_start_offset = log_start_offset.unwrap_or(offset);
        self.note_truncation(offset);
        self.rebuild_producers(now_ms)?;
        self.set_high_watermark(offset);
        Ok(())
    }

    fn note_truncation(&mut self, offset: i64) {
        self.recovery_point = self.recovery_point.min(offset);
        self.recovery_point_written = self.recovery_point_written.min(offset);
        self.doubted_from = self.doubted_from.filter(|doubted| *doubted < offset);
        self.cleaning.truncated(offset);
        self.unsynced.truncated = true;
        self.unsynced.truncations = self.unsynced.truncations.wrapping_add(1);
        self.high_watermark_at = None;
        self.first_unstable_at = None;
    }

    fn rebuild_producers(&mut self, now_ms: i64) -> Result<()> {
        let Self { files, segments, producers, config, log_start_offset, log_end_offset, .. } = self;
        rebuild_producer_state(
            producers,
            files,
            segments,
            crate::recovery::Rebuild {
                log_start_offset: *log_start_offset,
                end_offset: *log_end_offset,
                now_ms,
                expiration_ms: config.producer_id_expiration_ms,
                after_clean_shutdown: false,
            },
        )
    }
}
