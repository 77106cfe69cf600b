//! The inflated records of a batch, read as one stream.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};

use super::compression::Decoder;
use super::varint::{Input, STRUCTURE};
use super::{BatchError, CompressionType};

/// What decompressing one batch may cost. Uncompressed batches are not limited, they are in memory already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecompressLimits {
    /// Largest record in bytes that is kept in memory whole; skipping iteration keeps none.
    pub record_bytes_max: usize,
    /// Largest sum in bytes of all records of the batch, which bounds the time spent.
    pub total_bytes_max: u64,
}

impl Default for DecompressLimits {
    /// 256 MiB for a record, 1 GiB for a batch: far above what real batches hold, far below what a bomb of one
    /// `max.message.bytes` inflates to.
    fn default() -> Self {
        Self { record_bytes_max: 256 << 20, total_bytes_max: 1 << 30 }
    }
}

/// Memory taken ahead of the bytes for a record that spans chunks.
const RESERVE_BYTES: usize = 64 * 1024;

/// Fewer records than the header says.
pub(crate) const ENDED: BatchError =
    BatchError::invalid("Incorrect declared batch size, premature EOF reached");

pub(crate) struct RecordStream {
    decoder: Decoder,
    chunk: Bytes,
    position: usize,
    inflated: u64,
    compressed: bool,
    limits: DecompressLimits,
}

impl RecordStream {
    pub(crate) fn new(
        kind: CompressionType,
        magic: i8,
        input: Bytes,
        limits: DecompressLimits,
    ) -> Result<Self, BatchError> {
        let decoder = Decoder::new(kind, magic, input)?;
        let compressed = kind != CompressionType::None;
        Ok(Self { decoder, chunk: Bytes::new(), position: 0, inflated: 0, compressed, limits })
    }

    fn left(&self) -> usize {
        self.chunk.len() - self.position
    }

    /// Bytes read so far.
    pub(crate) fn consumed(&self) -> u64 {
        self.inflated - self.left() as u64
    }

    /// Makes at least one byte available; false at the end.
    fn fill(&mut self) -> Result<bool, BatchError> {
        if self.left() > 0 {
            return Ok(true);
        }
        let space = std::mem::take(&mut self.chunk).try_into_mut().unwrap_or_default();
        self.position = 0;
        self.chunk = self.decoder.next_chunk(if self.compressed { space } else { BytesMut::new() })?;
        self.inflated += self.chunk.len() as u64;
        if self.compressed && self.inflated > self.limits.total_bytes_max {
            return Err(BatchError::DecompressedTooLarge { limit: self.limits.total_bytes_max });
        }
        Ok(!self.chunk.is_empty())
    }

    /// Whether everything has been read.
    pub(crate) fn at_end(&mut self) -> Result<bool, BatchError> {
        Ok(!self.fill()?)
    }

    /// The next `count` bytes, shared with the chunk when they lie in one. `None` if the stream ends before.
    pub(crate) fn take(&mut self, count: usize) -> Result<Option<Bytes>, BatchError> {
        if count <= self.left() {
            let bytes = self.chunk.slice(self.position..self.position + count);
            self.position += count;
            return Ok(Some(bytes));
        }
        if self.compressed && count > self.limits.record_bytes_max {
            return Err(BatchError::DecompressedTooLarge { limit: self.limits.record_bytes_max as u64 });
        }
        let mut whole = BytesMut::with_capacity(count.min(RESERVE_BYTES));
        while whole.len() < count {
            if !self.fill()? {
                return Ok(None);
            }
            let part = self.left().min(count - whole.len());
            whole.extend_from_slice(&self.chunk[self.position..self.position + part]);
            self.position += part;
        }
        Ok(Some(whole.freeze()))
    }

    /// The body of the next magic 2 record and the bytes it takes with its length.
    pub(crate) fn record_body(&mut self) -> Result<(Bytes, usize), BatchError> {
        if self.at_end()? {
            return Err(ENDED);
        }
        let size = self.varint()?;
        let count = usize::try_from(size).map_err(|_| STRUCTURE)?;
        match self.take(count)? {
            Some(body) => Ok((body, count + super::varint::varlong_size(i64::from(size)))),
            None => Err(BatchError::InvalidRecord(Cow::Owned(format!(
                "Invalid record size: expected {size} bytes in record payload, but the record payload reached EOF."
            )))),
        }
    }
}

impl Input for RecordStream {
    fn byte(&mut self) -> Result<u8, BatchError> {
        if !self.fill()? {
            return Err(STRUCTURE);
        }
        let byte = self.chunk[self.position];
        self.position += 1;
        Ok(byte)
    }

    fn skip(&mut self, mut count: usize) -> Result<(), BatchError> {
        while count > 0 {
            if !self.fill()? {
                return Err(BatchError::InvalidRecord(Cow::Owned(format!(
                    "Reached end of input stream before skipping all bytes. Remaining bytes:{count}"
                ))));
            }
            let part = self.left().min(count);
            self.position += part;
            count -= part;
        }
        Ok(())
    }
}
