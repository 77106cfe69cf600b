//! Walks the batches of a segment's file.
//!
//! [`Headers`] reads the fixed part of each batch only and is what lookups use; [`Batches`] reads whole batches and is
//! what recovery uses. Both stop before a batch that the given end cuts off, as Kafka does: that is a torn tail or the
//! bound of a read, and no error. Neither looks at checksums, and neither allocates what a length field claims.

use bytes::Bytes;
use klamm_io::disk::File;
use klamm_protocol::records::{BATCH_OVERHEAD, BatchHeader, HEADER_UP_TO_MAGIC, RecordBatch, batch_size};

use crate::error::{Error, Result};

/// Enough for the index interval's worth of small batches.
const HEADER_CHUNK_BYTES: usize = 4096;
/// What recovery reads at once.
const BATCH_CHUNK_BYTES: usize = 1024 * 1024;

/// A window over a file that moves forward.
struct Window<'a> {
    file: &'a File,
    chunk_bytes: usize,
    /// Content of the file from `start`.
    content: Bytes,
    start: u64,
    end: u64,
}

impl<'a> Window<'a> {
    fn new(file: &'a File, end: u64, chunk_bytes: usize) -> Self {
        Self { file, chunk_bytes, content: Bytes::new(), start: 0, end }
    }

    /// The bytes from `position`, at least `wanted` unless the end comes before.
    fn at(&mut self, position: u64, wanted: usize) -> Result<Bytes> {
        let available = usize::try_from(self.end.saturating_sub(position)).unwrap_or(usize::MAX);
        let wanted = wanted.min(available);
        if let Some(skip) = position.checked_sub(self.start)
            && let Ok(skip) = usize::try_from(skip)
            && skip.saturating_add(wanted) <= self.content.len()
        {
            return Ok(self.content.slice(skip..));
        }
        let mut buffer = vec![0; self.chunk_bytes.max(wanted).min(available)];
        let filled = self.file.read_at(&mut buffer, position)?;
        buffer.truncate(filled);
        self.start = position;
        self.content = Bytes::from(buffer);
        Ok(self.content.clone())
    }
}

/// A batch's header and where the batch starts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub(crate) header: BatchHeader,
    pub(crate) position: u32,
}

impl Found {
    pub(crate) fn end_position(&self) -> u32 {
        self.position + u32::try_from(self.header.size()).unwrap_or(u32::MAX)
    }
}

/// Walks the headers of the batches in `position..end` of a file.
pub(crate) struct Headers<'a> {
    window: Window<'a>,
    position: u64,
}

impl<'a> Headers<'a> {
    pub(crate) fn new(file: &'a File, position: u32, end: u32) -> Self {
        Self { window: Window::new(file, u64::from(end), HEADER_CHUNK_BYTES), position: u64::from(position) }
    }

    /// What [`Headers::next`] will return.
    pub(crate) fn peek(&mut self) -> Result<Option<Found>> {
        let position = self.position;
        let next = self.next();
        self.position = position;
        next
    }

    /// The next batch, or `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Found>> {
        let position = self.position;
        if position + HEADER_UP_TO_MAGIC as u64 > self.window.end {
            return Ok(None);
        }
        let bytes = self.window.at(position, BATCH_OVERHEAD)?;
        let corrupt = |e| Error::corrupt(self.window.file.path(), position, format!("{e}"));
        let Some(size) = batch_size(&bytes, i32::MAX as usize).map_err(corrupt)? else { return Ok(None) };
        if position + size as u64 > self.window.end {
            return Ok(None);
        }
        let header = BatchHeader::decode(&bytes).map_err(corrupt)?;
        self.position += size as u64;
        let position = u32::try_from(position)
            .map_err(|_| Error::corrupt(self.window.file.path(), position, "segment larger than 4 GiB"))?;
        Ok(Some(Found { header, position }))
    }
}

/// Walks the whole batches in `position..end` of a file.
pub(crate) struct Batches<'a> {
    window: Window<'a>,
    position: u64,
}

impl<'a> Batches<'a> {
    pub(crate) fn new(file: &'a File, position: u32, end: u32) -> Self {
        Self::with_chunk(file, position, end, BATCH_CHUNK_BYTES)
    }

    /// As [`Batches::new`], reading so much at once.
    pub(crate) fn with_chunk(file: &'a File, position: u32, end: u32, chunk_bytes: usize) -> Self {
        Self { window: Window::new(file, u64::from(end), chunk_bytes), position: u64::from(position) }
    }

    /// Where the next batch would start.
    pub(crate) fn position(&self) -> u32 {
        u32::try_from(self.position).unwrap_or(u32::MAX)
    }

    /// The next batch, or `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<RecordBatch>> {
        let position = self.position;
        if position + HEADER_UP_TO_MAGIC as u64 > self.window.end {
            return Ok(None);
        }
        let bytes = self.window.at(position, BATCH_OVERHEAD)?;
        let corrupt = |e| Error::corrupt(self.window.file.path(), position, format!("{e}"));
        let Some(size) = batch_size(&bytes, i32::MAX as usize).map_err(corrupt)? else { return Ok(None) };
        if position + size as u64 > self.window.end {
            return Ok(None);
        }
        let bytes = if bytes.len() < size { self.window.at(position, size)? } else { bytes };
        let batch = RecordBatch::new(&bytes)
            .map_err(|e| Error::corrupt(self.window.file.path(), position, format!("{e}")))?;
        self.position += size as u64;
        Ok(Some(batch))
    }
}
