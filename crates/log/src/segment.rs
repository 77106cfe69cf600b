//! One segment of a log: its file of batches and its indexes.
//!
//! A segment knows its base offset and how many bytes of batches it has; all else is read when it is needed, so that
//! a log at rest costs a few dozen bytes per segment and no open file.
//!
//! Non-obvious:
//! * `size` is what counts as written. Bytes beyond it may be in the file, left by a write that failed half way.
//! * A lookup trusts the offset index only after a look at the batch it points to: damage in an index must cost time,
//!   never the wrong record.

use klamm_io::disk::File;
use klamm_protocol::records::{BatchHeader, DecompressLimits, NO_TIMESTAMP, TimestampOffset};

use crate::config::LogConfig;
use crate::error::{Error, Result};
use crate::handles::LogFiles;
use crate::index_file::relative;
use crate::names::{DELETED_SUFFIX, FileKind};
use crate::offset_index::{OffsetIndex, OffsetPosition};
use crate::scan::{Batches, Found, Headers};
use crate::time_index::TimeIndex;
use crate::transaction_index::TransactionIndex;

/// See the module. Owned by its log, on the log's shard.
pub(crate) struct Segment {
    pub(crate) base_offset: i64,
    /// Bytes of batches.
    pub(crate) size: u32,
    pub(crate) offset_index: OffsetIndex,
    pub(crate) time_index: TimeIndex,
    pub(crate) transaction_index: TransactionIndex,
    bytes_since_index_entry: u32,
    created_ms: i64,
    jitter_ms: i64,
    // Largest timestamp of the first batch, by which age is counted.
    first_timestamp: Option<i64>,
    // Largest timestamp of all batches, with the last offset of the batch that has it.
    max_timestamp: Option<TimestampOffset>,
}

/// A batch that has just been written, for the indexes.
#[derive(Clone, Copy)]
pub(crate) struct Written {
    pub(crate) last_offset: i64,
    pub(crate) max_timestamp: i64,
    pub(crate) size: u32,
}

impl Written {
    pub(crate) fn of(header: &BatchHeader) -> Self {
        Self {
            last_offset: header.last_offset(),
            max_timestamp: header.max_timestamp,
            size: u32::try_from(header.size()).unwrap_or(u32::MAX),
        }
    }
}

/// What a segment has to give from an offset on.
pub(crate) struct SegmentSlice {
    /// Base offset of the first batch and its position.
    pub(crate) start: OffsetPosition,
    /// Bytes of the first batch.
    pub(crate) first_batch_bytes: u32,
}

impl Segment {
    /// Makes the files of a new, empty segment. Files of that name are replaced.
    pub(crate) fn create(
        files: &LogFiles,
        base_offset: i64,
        config: &LogConfig,
        now_ms: i64,
        seed: u64,
    ) -> Result<Self> {
        for kind in FileKind::OF_SEGMENT {
            files.forget(base_offset, kind);
            files.disk().remove_file(&files.path(base_offset, kind))?;
        }
        let file = files.created(base_offset, FileKind::Log)?;
        if config.preallocate {
            file.preallocate(u64::from(config.segment_bytes))?;
        }
        files.created(base_offset, FileKind::OffsetIndex)?;
        files.created(base_offset, FileKind::TimeIndex)?;
        Ok(Self {
            base_offset,
            size: 0,
            offset_index: OffsetIndex::empty(base_offset),
            time_index: TimeIndex::empty(base_offset),
            transaction_index: TransactionIndex::of_len(base_offset, 0),
            bytes_since_index_entry: 0,
            created_ms: now_ms,
            jitter_ms: config.segment_jitter(seed, base_offset),
            first_timestamp: None,
            max_timestamp: None,
        })
    }

    /// A segment whose files exist. Opens none of them.
    pub(crate) fn existing(base_offset: i64, size: u32, transaction_index_len: u64, now_ms: i64) -> Self {
        Self {
            base_offset,
            size,
            offset_index: OffsetIndex::unloaded(base_offset),
            time_index: TimeIndex::unloaded(base_offset),
            transaction_index: TransactionIndex::of_len(base_offset, transaction_index_len),
            bytes_since_index_entry: 0,
            created_ms: now_ms,
            jitter_ms: 0,
            first_timestamp: None,
            max_timestamp: None,
        }
    }

    pub(crate) fn file(&self, files: &LogFiles) -> Result<File> {
        Ok(files.existing(self.base_offset, FileKind::Log)?)
    }

    /// Takes note of batches that now lie at the end of the file, and adds index entries where they are due.
    pub(crate) fn batches_written(
        &mut self,
        files: &LogFiles,
        batches: &[Written],
        config: &LogConfig,
    ) -> Result<()> {
        let mut max = self.max_timestamp(files)?;
        for batch in batches {
            if self.size == 0 {
                self.first_timestamp = Some(batch.max_timestamp);
            }
            if batch.max_timestamp > max.timestamp {
                max = TimestampOffset { timestamp: batch.max_timestamp, offset: batch.last_offset };
                self.max_timestamp = Some(max);
            }
            if self.bytes_since_index_entry > config.index_interval_bytes {
                self.offset_index.append(files, batch.last_offset, self.size)?;
                self.time_index.maybe_append(files, max)?;
                self.bytes_since_index_entry = 0;
            }
            self.size += batch.size;
            self.bytes_since_index_entry = self.bytes_since_index_entry.saturating_add(batch.size);
        }
        Ok(())
    }

    /// Whether a batch that ends with `last_offset` can belong here: its offset must fit into an index entry.
    pub(crate) fn fits_offset(&self, last_offset: i64) -> bool {
        relative(self.base_offset, last_offset).is_some()
    }

    /// Whether the next append must go to a new segment.
    pub(crate) fn should_roll(
        &mut self,
        files: &LogFiles,
        config: &LogConfig,
        append: &Written,
        now_ms: i64,
    ) -> Result<bool> {
        let aged = self.size > 0
            && self.time_waited(files, append.max_timestamp, now_ms)?
                > config.segment_ms_max() - self.jitter_ms;
        Ok(u64::from(self.size) + u64::from(append.size) > u64::from(config.segment_bytes)
            || aged
            || self.offset_index.is_full(files, config.segment_index_bytes)?
            || self.time_index.is_full(files, config.segment_index_bytes)?
            || !self.fits_offset(append.last_offset))
    }

    /// Record time since the segment's first batch; without timestamps, time since it was made or opened.
    fn time_waited(&mut self, files: &LogFiles, timestamp: i64, now_ms: i64) -> Result<i64> {
        let first = self.first_batch_timestamp(files)?;
        Ok(if first >= 0 { timestamp.saturating_sub(first) } else { now_ms.saturating_sub(self.created_ms) })
    }

    /// Largest timestamp of the first batch; [`NO_TIMESTAMP`] if there is none.
    pub(crate) fn first_batch_timestamp(&mut self, files: &LogFiles) -> Result<i64> {
        if let Some(first) = self.first_timestamp {
            return Ok(first);
        }
        let file = self.file(files)?;
        let found = Headers::new(&file, 0, self.size).next()?;
        let first = found.map_or(NO_TIMESTAMP, |found| found.header.max_timestamp);
        self.first_timestamp = Some(first);
        Ok(first)
    }

    /// Before another segment becomes the active one.
    pub(crate) fn close_for_appends(&mut self, files: &LogFiles) -> Result<()> {
        self.write_max_timestamp(files)?;
        let file = self.file(files)?;
        // Only a preallocated file, or one in which a write failed, is longer.
        if file.len()? > u64::from(self.size) {
            file.truncate(u64::from(self.size))?;
        }
        Ok(())
    }

    /// Makes the largest timestamp the last entry of the time index, if it is known to be missing there.
    pub(crate) fn write_max_timestamp(&mut self, files: &LogFiles) -> Result<()> {
        match self.max_timestamp {
            Some(max) => self.time_index.maybe_append(files, max),
            None => Ok(()),
        }
    }

    /// The largest timestamp, with the last offset of its batch; [`NO_TIMESTAMP`] if there is none.
    pub(crate) fn max_timestamp(&mut self, files: &LogFiles) -> Result<TimestampOffset> {
        if let Some(max) = self.max_timestamp {
            return Ok(max);
        }
        let max = self.time_index.last(files)?;
        self.max_timestamp = Some(max);
        Ok(max)
    }

    /// By what retention counts the age: the largest timestamp, or when the file was last written if there is none.
    pub(crate) fn retention_timestamp(&mut self, files: &LogFiles) -> Result<i64> {
        let max = self.max_timestamp(files)?.timestamp;
        if max >= 0 {
            return Ok(max);
        }
        Ok(self.file(files)?.metadata()?.modified_ms)
    }

    /// A walk over the batches that starts at or before the one that has `offset`, as near as the offset index knows.
    pub(crate) fn walk_from<'a>(
        &mut self,
        files: &LogFiles,
        file: &'a File,
        offset: i64,
    ) -> Result<Headers<'a>> {
        let entry = self.offset_index.lookup(files, offset)?;
        let mut headers = Headers::new(file, entry.position, self.size);
        if entry.position == 0 {
            return Ok(headers);
        }
        match headers.peek() {
            // The entry's offset is the last of this batch, or of a later one of the same append.
            Ok(Some(first)) if first.header.base_offset <= entry.offset => Ok(headers),
            Ok(_) | Err(Error::CorruptFile { .. }) => {
                tracing::warn!(
                    base_offset = self.base_offset,
                    offset,
                    "offset index is wrong, searching without it"
                );
                Ok(Headers::new(file, 0, self.size))
            }
            Err(fault) => Err(fault),
        }
    }

    /// The first batch whose last offset is at or above `offset`.
    pub(crate) fn find(&mut self, files: &LogFiles, offset: i64) -> Result<Option<Found>> {
        let file = self.file(files)?;
        let mut headers = self.walk_from(files, &file, offset)?;
        while let Some(found) = headers.next()? {
            if found.header.last_offset() >= offset {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Where to read from for `offset`. `None` if all batches end before it.
    pub(crate) fn slice_from(&mut self, files: &LogFiles, offset: i64) -> Result<Option<SegmentSlice>> {
        Ok(self.find(files, offset)?.map(|found| SegmentSlice {
            start: OffsetPosition { offset: found.header.base_offset, position: found.position },
            first_batch_bytes: u32::try_from(found.header.size()).unwrap_or(u32::MAX),
        }))
    }

    /// The offset after the last batch, found by a walk from the last index entry.
    pub(crate) fn read_next_offset(&mut self, files: &LogFiles) -> Result<i64> {
        if self.size == 0 {
            return Ok(self.base_offset);
        }
        let last = self.offset_index.last(files)?;
        let file = self.file(files)?;
        let mut next = None;
        let mut headers = self.walk_from(files, &file, last.offset)?;
        while let Some(found) = headers.next()? {
            next = Some(found.header.next_offset());
        }
        Ok(next.unwrap_or(self.base_offset))
    }

    /// The first record at or above `start_offset` whose timestamp is at least `timestamp`, with the leader epoch of
    /// its batch.
    pub(crate) fn find_timestamp(
        &mut self,
        files: &LogFiles,
        timestamp: i64,
        start_offset: i64,
    ) -> Result<Option<(TimestampOffset, i32)>> {
        let entry = self.time_index.lookup(files, timestamp)?;
        let file = self.file(files)?;
        let mut headers = self.walk_from(files, &file, entry.offset.max(start_offset))?;
        while let Some(found) = headers.next()? {
            if found.header.max_timestamp < timestamp || found.header.last_offset() < start_offset {
                continue;
            }
            let mut batches = Batches::new(&file, found.position, found.end_position());
            let Some(batch) = batches.next()? else { break };
            let record = batch
                .find_timestamp(timestamp, start_offset, DecompressLimits::default())
                .map_err(|e| Error::corrupt(file.path(), u64::from(found.position), e.to_string()))?;
            if let Some(record) = record {
                return Ok(Some((record, found.header.partition_leader_epoch)));
            }
        }
        Ok(None)
    }

    /// The first record that has the segment's largest timestamp, with the leader epoch of its batch.
    pub(crate) fn find_max_timestamp(&mut self, files: &LogFiles) -> Result<Option<(TimestampOffset, i32)>> {
        let max = self.max_timestamp(files)?;
        let file = self.file(files)?;
        let mut headers = self.walk_from(files, &file, max.offset)?;
        while let Some(found) = headers.next()? {
            if found.header.max_timestamp != max.timestamp {
                continue;
            }
            let mut batches = Batches::new(&file, found.position, found.end_position());
            let Some(batch) = batches.next()? else { break };
            let record = batch
                .offset_of_max_timestamp(DecompressLimits::default())
                .map_err(|e| Error::corrupt(file.path(), u64::from(found.position), e.to_string()))?;
            return Ok(record.map(|record| (record, found.header.partition_leader_epoch)));
        }
        Ok(None)
    }

    /// Drops all batches that reach to `offset` or beyond. Returns how many bytes that were.
    pub(crate) fn truncate_to(&mut self, files: &LogFiles, offset: i64, now_ms: i64) -> Result<u32> {
        let found = self.find(files, offset)?;
        self.offset_index.truncate_to(files, offset)?;
        self.time_index.truncate_to(files, offset)?;
        self.transaction_index.truncate_to(files, offset)?;
        let before = self.size;
        if let Some(found) = found {
            self.file(files)?.truncate(u64::from(found.position))?;
            self.size = found.position;
        }
        if self.size == 0 {
            self.created_ms = now_ms;
            self.first_timestamp = None;
        }
        self.bytes_since_index_entry = 0;
        self.max_timestamp = Some(self.largest_timestamp(files)?);
        Ok(before - self.size)
    }

    /// Forgets all batches and empties the indexes; recovery counts the batches in again as it finds them.
    pub(crate) fn reset_for_recovery(&mut self, files: &LogFiles) -> Result<()> {
        self.offset_index.reset(files)?;
        self.time_index.reset(files)?;
        self.size = 0;
        self.bytes_since_index_entry = 0;
        self.first_timestamp = None;
        self.max_timestamp = None;
        Ok(())
    }

    pub(crate) const fn set_jitter(&mut self, jitter_ms: i64) {
        self.jitter_ms = jitter_ms;
    }

    fn largest_timestamp(&mut self, files: &LogFiles) -> Result<TimestampOffset> {
        let mut max = self.time_index.last(files)?;
        let file = self.file(files)?;
        let mut headers = self.walk_from(files, &file, max.offset)?;
        while let Some(found) = headers.next()? {
            if found.header.max_timestamp > max.timestamp {
                max = TimestampOffset {
                    timestamp: found.header.max_timestamp,
                    offset: found.header.last_offset(),
                };
            }
        }
        Ok(max)
    }

    /// Gives the files their `.deleted` names. Returns the new paths.
    pub(crate) fn mark_deleted(&self, files: &LogFiles) -> Result<Vec<std::path::PathBuf>> {
        files.forget_segment(self.base_offset);
        let mut renamed = Vec::new();
        for kind in FileKind::OF_SEGMENT {
            let from = files.path(self.base_offset, kind);
            let mut name = from.clone().into_os_string();
            name.push(DELETED_SUFFIX);
            let to = std::path::PathBuf::from(name);
            match files.disk().rename(&from, &to) {
                Ok(()) => renamed.push(to),
                // Most segments have no transaction index, and a file that is gone needs no deletion.
                Err(e) if e.is_not_found() => {}
                Err(e) => return Err(e.into()),
            }
        }
        Ok(renamed)
    }
}
