//! Walks the batches of a buffer.

use bytes::Bytes;

use super::{BatchError, RecordBatch, batch_size};

/// Iterates the batches that lie end to end in a buffer.
///
/// A torn batch at the end is not an error, since fetch responses end so: the iterator stops, and
/// [`BatchIter::remaining`] tells how many bytes were left. A bad size or magic gives one error, then the end.
/// Checksums are not looked at.
#[derive(Debug, Clone)]
pub struct BatchIter {
    rest: Bytes,
    position: usize,
    size_max: usize,
}

impl BatchIter {
    /// Iterates `bytes`.
    pub const fn new(bytes: Bytes) -> Self {
        Self::with_size_max(bytes, i32::MAX as usize)
    }

    /// As [`BatchIter::new`], refusing batches whose length field is above `size_max`.
    pub const fn with_size_max(bytes: Bytes, size_max: usize) -> Self {
        Self { rest: bytes, position: 0, size_max }
    }

    /// Where the next batch starts, in bytes from the start of the buffer.
    pub const fn position(&self) -> usize {
        self.position
    }

    /// Bytes not yet walked.
    pub const fn remaining(&self) -> usize {
        self.rest.len()
    }

    fn read(&mut self) -> Result<Option<RecordBatch>, BatchError> {
        match batch_size(&self.rest, self.size_max)? {
            Some(size) if size <= self.rest.len() => {
                let batch = RecordBatch::new(&self.rest)?;
                self.rest = self.rest.slice(size..);
                self.position += size;
                Ok(Some(batch))
            }
            _ => Ok(None),
        }
    }
}

impl Iterator for BatchIter {
    type Item = Result<RecordBatch, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.read().transpose();
        if matches!(next, Some(Err(_))) {
            self.rest = Bytes::new();
        }
        next
    }
}
