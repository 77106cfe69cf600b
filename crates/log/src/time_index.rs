//! The time index of a segment: from a timestamp to an offset.
//!
//! Entries of twelve bytes: a timestamp (i64 big endian, milliseconds) and an offset relative to the segment's base
//! offset (i32). An entry says that no batch up to and including that offset has a later timestamp; the offset is the
//! last one of the batch with that timestamp. Timestamps rise strictly. When a segment is closed, its largest
//! timestamp becomes the last entry, so that it can be known without a look at the batches.

use klamm_protocol::records::{NO_TIMESTAMP, TimestampOffset};

use crate::error::Result;
use crate::handles::LogFiles;
use crate::index_file::{Entry, IndexFile, field, relative};
use crate::names::FileKind;

impl Entry for TimestampOffset {
    const BYTES: usize = 12;
    const KIND: FileKind = FileKind::TimeIndex;

    fn decode(bytes: &[u8], base_offset: i64) -> Self {
        let relative = i32::from_be_bytes(field(bytes, 8));
        Self {
            timestamp: i64::from_be_bytes(field(bytes, 0)),
            offset: base_offset.saturating_add(i64::from(relative)),
        }
    }

    fn is_padding(&self, base_offset: i64) -> bool {
        self.timestamp == 0 && self.offset == base_offset
    }
}

/// See the module.
pub(crate) struct TimeIndex {
    entries: IndexFile<TimestampOffset>,
}

impl TimeIndex {
    pub(crate) const fn unloaded(base_offset: i64) -> Self {
        Self { entries: IndexFile::unloaded(base_offset) }
    }

    pub(crate) const fn empty(base_offset: i64) -> Self {
        Self { entries: IndexFile::empty(base_offset) }
    }

    fn start(&self) -> TimestampOffset {
        TimestampOffset { timestamp: NO_TIMESTAMP, offset: self.entries.base_offset }
    }

    /// Whether length and last entry can be those of a segment that ends before `next_offset`.
    pub(crate) fn is_sane(&mut self, files: &LogFiles, next_offset: i64) -> Result<bool> {
        let (_, last) = self.entries.load(files)?;
        let base = self.entries.base_offset;
        Ok(self.entries.fills_file(files)?
            && last.is_none_or(|e| e.timestamp >= 0 && e.offset >= base && e.offset < next_offset))
    }

    /// The last entry; no timestamp at the base offset if there is none.
    pub(crate) fn last(&mut self, files: &LogFiles) -> Result<TimestampOffset> {
        Ok(self.entries.load(files)?.1.unwrap_or(self.start()))
    }

    /// Whether no entry fits into `segment.index.bytes` any more but the one for the segment's end.
    pub(crate) fn is_full(&mut self, files: &LogFiles, index_bytes: u32) -> Result<bool> {
        Ok(self.entries.load(files)?.0 as usize + 1 >= index_bytes as usize / TimestampOffset::BYTES)
    }

    /// The last entry whose timestamp is at most `timestamp`; no timestamp at the base offset if there is none.
    pub(crate) fn lookup(&mut self, files: &LogFiles, timestamp: i64) -> Result<TimestampOffset> {
        let (_, found) = self.entries.partition_point(files, |entry| entry.timestamp <= timestamp)?;
        Ok(found.unwrap_or(self.start()))
    }

    /// Adds an entry unless its timestamp is not later than that of the last one.
    pub(crate) fn maybe_append(&mut self, files: &LogFiles, entry: TimestampOffset) -> Result<()> {
        let last = self.last(files)?;
        let Some(relative) = relative(self.entries.base_offset, entry.offset) else { return Ok(()) };
        if entry.timestamp <= last.timestamp || entry.offset < last.offset {
            return Ok(());
        }
        let mut bytes = [0; TimestampOffset::BYTES];
        let (left, right) = bytes.split_at_mut(8);
        left.copy_from_slice(&entry.timestamp.to_be_bytes());
        right.copy_from_slice(&relative.to_be_bytes());
        self.entries.push(files, &bytes, entry)
    }

    /// Drops the entries at or above `offset`.
    pub(crate) fn truncate_to(&mut self, files: &LogFiles, offset: i64) -> Result<()> {
        let (keep, last) = self.entries.partition_point(files, |entry| entry.offset < offset)?;
        self.entries.cut(files, keep, last)
    }

    /// Drops all entries, and makes the file if it does not exist.
    pub(crate) fn reset(&mut self, files: &LogFiles) -> Result<()> {
        self.entries.cut(files, 0, None)
    }
}
