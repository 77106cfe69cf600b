//! The offset index of a segment: from an offset to a position in the segment's file.
//!
//! Entries of eight bytes: the last offset of a batch, relative to the segment's base offset, and the position at
//! which that batch starts, both i32 big endian and rising. Sparse: one entry after every `index.interval.bytes` of
//! batches. (Old Kafka wrote one entry for an append of several batches: its last offset, its first position.)

use crate::error::Result;
use crate::handles::LogFiles;
use crate::index_file::{Entry, IndexFile, field, relative};
use crate::names::FileKind;

/// An offset and where to find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OffsetPosition {
    pub(crate) offset: i64,
    pub(crate) position: u32,
}

impl Entry for OffsetPosition {
    const BYTES: usize = 8;
    const KIND: FileKind = FileKind::OffsetIndex;

    fn decode(bytes: &[u8], base_offset: i64) -> Self {
        let relative = i32::from_be_bytes(field(bytes, 0));
        let position = i32::from_be_bytes(field(bytes, 4));
        Self {
            offset: base_offset.saturating_add(i64::from(relative)),
            position: position.max(0).cast_unsigned(),
        }
    }

    fn is_padding(&self, _base_offset: i64) -> bool {
        self.position == 0
    }
}

/// See the module.
pub(crate) struct OffsetIndex {
    entries: IndexFile<OffsetPosition>,
}

impl OffsetIndex {
    pub(crate) const fn unloaded(base_offset: i64) -> Self {
        Self { entries: IndexFile::unloaded(base_offset) }
    }

    pub(crate) const fn empty(base_offset: i64) -> Self {
        Self { entries: IndexFile::empty(base_offset) }
    }

    fn start(&self) -> OffsetPosition {
        OffsetPosition { offset: self.entries.base_offset, position: 0 }
    }

    /// Whether length and last entry can be those of a segment of this size. An index that was still lengthened when
    /// its writer died ends in zeros, and no entry points to position 0.
    pub(crate) fn is_sane(&mut self, files: &LogFiles, segment_size: u32) -> Result<bool> {
        let (_, last) = self.entries.load(files)?;
        let base = self.entries.base_offset;
        Ok(self.entries.fills_file(files)?
            && last.is_none_or(|e| e.position > 0 && e.position < segment_size && e.offset >= base))
    }

    /// The last entry; the start of the segment if there is none.
    pub(crate) fn last(&mut self, files: &LogFiles) -> Result<OffsetPosition> {
        Ok(self.entries.load(files)?.1.unwrap_or(self.start()))
    }

    /// Whether no entry fits into `segment.index.bytes` any more.
    pub(crate) fn is_full(&mut self, files: &LogFiles, index_bytes: u32) -> Result<bool> {
        Ok(self.entries.load(files)?.0 as usize >= index_bytes as usize / OffsetPosition::BYTES)
    }

    /// The last entry at or below `offset`; the start of the segment if there is none.
    pub(crate) fn lookup(&mut self, files: &LogFiles, offset: i64) -> Result<OffsetPosition> {
        let (_, found) = self.entries.partition_point(files, |entry| entry.offset <= offset)?;
        Ok(found.unwrap_or(self.start()))
    }

    /// The first entry at or beyond `position`: its offset bounds what lies before it. `None` if there is none.
    pub(crate) fn upper_bound(&mut self, files: &LogFiles, position: u64) -> Result<Option<OffsetPosition>> {
        let (below, _) = self.entries.partition_point(files, |entry| u64::from(entry.position) < position)?;
        if below >= self.entries.load(files)?.0 { Ok(None) } else { self.entries.entry(files, below) }
    }

    /// Adds an entry. One that does not rise is left out: it can only come from a damaged segment, and the index
    /// stays true without it.
    pub(crate) fn append(&mut self, files: &LogFiles, offset: i64, position: u32) -> Result<()> {
        let (_, last) = self.entries.load(files)?;
        let Some(relative) = relative(self.entries.base_offset, offset) else { return Ok(()) };
        if last.is_some_and(|last| offset <= last.offset || position <= last.position) {
            return Ok(());
        }
        let mut bytes = [0; OffsetPosition::BYTES];
        let (left, right) = bytes.split_at_mut(4);
        left.copy_from_slice(&relative.to_be_bytes());
        right.copy_from_slice(&position.to_be_bytes());
        self.entries.push(files, &bytes, OffsetPosition { offset, position })
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
