//! A file of entries of one size whose keys rise: what offset index and time index have in common.
//!
//! In memory there are the number of entries and the last one, once something asked for them. Searches read the file:
//! no mapping, no copy. Kafka lengthens the index files of the active segment to `segment.index.bytes` and trims them
//! later; here they are never longer than their entries, which is what Kafka finds after a trim.

use klamm_io::disk::File;

use crate::error::Result;
use crate::handles::LogFiles;
use crate::names::FileKind;

/// Entries that are read at once.
const BLOCK_ENTRIES: u32 = 512;

/// One entry, with offsets relative to the segment's base offset on disk and absolute in memory.
pub(crate) trait Entry: Copy {
    /// Bytes on disk.
    const BYTES: usize;
    /// Which file they are in.
    const KIND: FileKind;
    /// Reads one from exactly [`Entry::BYTES`] bytes.
    fn decode(bytes: &[u8], base_offset: i64) -> Self;
    /// Whether this is not an entry but the zeros by which Kafka lengthens a file.
    fn is_padding(&self, base_offset: i64) -> bool;
}

/// See the module.
pub(crate) struct IndexFile<E> {
    pub(crate) base_offset: i64,
    loaded: Option<(u32, Option<E>)>,
}

impl<E: Entry> IndexFile<E> {
    /// A file of which nothing is known; it may exist or not.
    pub(crate) const fn unloaded(base_offset: i64) -> Self {
        Self { base_offset, loaded: None }
    }

    /// A file known to be empty or missing.
    pub(crate) const fn empty(base_offset: i64) -> Self {
        Self { base_offset, loaded: Some((0, None)) }
    }

    pub(crate) fn file(&self, files: &LogFiles) -> Result<File> {
        Ok(files.created(self.base_offset, E::KIND)?)
    }

    /// Number of entries and the last one.
    pub(crate) fn load(&mut self, files: &LogFiles) -> Result<(u32, Option<E>)> {
        if let Some(loaded) = self.loaded {
            return Ok(loaded);
        }
        let file = self.file(files)?;
        let mut entries = u32::try_from(file.len()? / E::BYTES as u64).unwrap_or(u32::MAX);
        let mut last = self.last_of(&file, entries)?;
        if last.is_some_and(|last| last.is_padding(self.base_offset)) {
            // A crash has left the file lengthened. The entries end where the zeros begin.
            let (mut low, mut high) = (0, entries);
            while low < high {
                let middle = low + (high - low) / 2;
                match self.read(&file, middle, 1)?.first() {
                    Some(entry) if !entry.is_padding(self.base_offset) => low = middle + 1,
                    _ => high = middle,
                }
            }
            entries = low;
            last = self.last_of(&file, entries)?;
        }
        self.loaded = Some((entries, last));
        Ok((entries, last))
    }

    fn last_of(&self, file: &File, entries: u32) -> Result<Option<E>> {
        match entries.checked_sub(1) {
            Some(last) => Ok(self.read(file, last, 1)?.first().copied()),
            None => Ok(None),
        }
    }

    /// Whether the file holds the entries and nothing else.
    pub(crate) fn fills_file(&mut self, files: &LogFiles) -> Result<bool> {
        let (entries, _) = self.load(files)?;
        Ok(self.file(files)?.len()? == u64::from(entries) * E::BYTES as u64)
    }

    fn read(&self, file: &File, first: u32, count: u32) -> Result<Vec<E>> {
        let mut buffer = vec![0; count as usize * E::BYTES];
        let filled = file.read_at(&mut buffer, u64::from(first) * E::BYTES as u64)?;
        let filled = buffer.get(..filled).unwrap_or_default();
        Ok(filled.chunks_exact(E::BYTES).map(|bytes| E::decode(bytes, self.base_offset)).collect())
    }

    /// The entry at `at`, if there are so many.
    pub(crate) fn entry(&self, files: &LogFiles, at: u32) -> Result<Option<E>> {
        Ok(self.read(&self.file(files)?, at, 1)?.first().copied())
    }

    /// How many entries `holds` is true of, and the last of them; it must be true of a beginning of the file only.
    /// The end of the file is tried first, since that is where most readers are.
    pub(crate) fn partition_point(
        &mut self,
        files: &LogFiles,
        holds: impl Fn(&E) -> bool,
    ) -> Result<(u32, Option<E>)> {
        let (entries, last) = self.load(files)?;
        if last.is_none_or(|last| holds(&last)) {
            return Ok((entries, last));
        }
        let file = self.file(files)?;
        // All before `low` hold, none from `high` on; `before` is the last before `low`.
        let (mut low, mut high, mut before) = (0, entries, None);
        let mut first = entries.saturating_sub(BLOCK_ENTRIES);
        while low < high {
            let block = self.read(&file, first, BLOCK_ENTRIES.min(high - first))?;
            let below = block.partition_point(&holds);
            match below.checked_sub(1).and_then(|at| block.get(at)) {
                Some(entry) => {
                    before = Some(*entry);
                    low = first + u32::try_from(below).unwrap_or(0);
                    if below < block.len() {
                        break;
                    }
                }
                None => high = first,
            }
            first = if high.saturating_sub(low) <= BLOCK_ENTRIES { low } else { low + (high - low) / 2 };
        }
        Ok((low, before))
    }

    /// Adds the entry whose bytes these are.
    pub(crate) fn push(&mut self, files: &LogFiles, bytes: &[u8], entry: E) -> Result<()> {
        let (entries, _) = self.load(files)?;
        self.file(files)?.write_at(bytes, u64::from(entries) * E::BYTES as u64)?;
        self.loaded = Some((entries + 1, Some(entry)));
        Ok(())
    }

    /// Keeps the first `entries`, the last of which is given; makes the file if it does not exist.
    pub(crate) fn cut(&mut self, files: &LogFiles, entries: u32, last: Option<E>) -> Result<()> {
        self.file(files)?.truncate(u64::from(entries) * E::BYTES as u64)?;
        self.loaded = Some((entries, last));
        Ok(())
    }
}

/// `offset` relative to `base_offset`, if the four bytes of an entry can hold it.
pub(crate) fn relative(base_offset: i64, offset: i64) -> Option<i32> {
    offset.checked_sub(base_offset).and_then(|distance| i32::try_from(distance).ok()).filter(|d| *d >= 0)
}

/// N bytes of an entry from `at`.
pub(crate) fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..at + N).and_then(|slice| slice.try_into().ok()).unwrap_or([0; N])
}
