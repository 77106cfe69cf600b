//! Reading: which bytes of which file answer a fetch. Nothing is decoded but the headers on the way to the offset.

use bytes::Bytes;
use klamm_io::disk::File;

use crate::error::{Error, Result};
use crate::log::{Log, OffsetMetadata};
use crate::transaction_index::AbortedTxn;

/// Up to where a reader may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// All: replicas.
    LogEnd,
    /// What all in-sync replicas have: consumers.
    HighWatermark,
    /// Of that, what belongs to no open transaction: consumers with `isolation.level=read_committed`.
    Committed,
}

/// Bytes of a file.
#[derive(Clone, Debug)]
pub struct FileSlice {
    /// The open file; the slice stays good after the log has removed it.
    pub file: File,
    /// Where it starts.
    pub position: u64,
    /// How long it is, in bytes.
    pub len: u32,
}

impl FileSlice {
    /// Reads it into memory.
    pub fn read(&self) -> Result<Bytes> {
        let mut buffer = vec![0; self.len as usize];
        self.file.read_exact_at(&mut buffer, self.position)?;
        Ok(Bytes::from(buffer))
    }
}

/// What a read found.
#[derive(Clone, Debug)]
pub struct FetchData {
    /// Whole batches, except that the last one may be cut; the first one may start below the offset asked for.
    /// `None` if there is nothing to give.
    pub records: Option<FileSlice>,
    /// Where the read starts: the offset asked for, and the place of the batch that has it.
    pub start: OffsetMetadata,
    /// The limit was smaller than the first batch, so not even that is whole.
    pub first_batch_incomplete: bool,
    /// Aborted transactions that have records in the slice; only with [`Isolation::Committed`].
    pub aborted: Option<Vec<AbortedTxn>>,
}

impl FetchData {
    /// Bytes of the slice.
    pub fn len(&self) -> u32 {
        self.records.as_ref().map_or(0, |records| records.len)
    }

    /// Whether there is nothing to give.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Log {
    /// The batches from `start_offset` on, at most `bytes_max` bytes and not beyond what `isolation` shows. With
    /// `min_one_batch` the first batch is given whole even if it is larger.
    ///
    /// An offset below the log start offset or above the log end offset is refused. One between the bound and the log
    /// end offset gives nothing.
    pub fn read(
        &mut self,
        start_offset: i64,
        bytes_max: u32,
        isolation: Isolation,
        min_one_batch: bool,
    ) -> Result<FetchData> {
        if start_offset < self.log_start_offset || start_offset > self.log_end_offset {
            return Err(self.out_of_range(start_offset));
        }
        let bound = self.bound(isolation)?;
        let nothing = |start| FetchData {
            records: None,
            start,
            first_batch_incomplete: false,
            aborted: (isolation == Isolation::Committed).then(Vec::new),
        };
        if start_offset == bound.offset {
            return Ok(nothing(bound));
        }
        if start_offset > bound.offset {
            return Ok(nothing(self.locate(start_offset)?));
        }
        let mut index = self.segment_index(start_offset).ok_or_else(|| self.out_of_range(start_offset))?;
        while let Some(segment) = self.segments.get_mut(index) {
            let position_max = match segment.base_offset.cmp(&bound.segment_base_offset) {
                std::cmp::Ordering::Less => segment.size,
                std::cmp::Ordering::Equal => bound.position,
                std::cmp::Ordering::Greater => break,
            };
            let Some(slice) = segment.slice_from(&self.files, start_offset)? else {
                // Compaction may have taken the end of the segment.
                index += 1;
                continue;
            };
            let position = slice.start.position;
            let limit = if min_one_batch { bytes_max.max(slice.first_batch_bytes) } else { bytes_max };
            let len = limit.min(position_max.saturating_sub(position));
            let start =
                OffsetMetadata { offset: start_offset, segment_base_offset: segment.base_offset, position };
            if len == 0 {
                return Ok(nothing(start));
            }
            let file = segment.file(&self.files)?;
            let aborted = match isolation {
                Isolation::Committed => {
                    Some(self.aborted_between(index, start_offset, u64::from(position) + u64::from(len))?)
                }
                _ => None,
            };
            return Ok(FetchData {
                records: Some(FileSlice { file, position: u64::from(position), len }),
                start,
                first_batch_incomplete: limit < slice.first_batch_bytes,
                aborted,
            });
        }
        Ok(nothing(self.log_end()))
    }

    pub(crate) fn out_of_range(&self, offset: i64) -> Error {
        Error::OffsetOutOfRange {
            offset,
            log_start_offset: self.log_start_offset,
            log_end_offset: self.log_end_offset,
        }
    }

    /// Aborted transactions in a slice that starts at `start_offset` in the segment at `index` and ends at
    /// `end_position` of its file.
    fn aborted_between(
        &mut self,
        index: usize,
        start_offset: i64,
        end_position: u64,
    ) -> Result<Vec<AbortedTxn>> {
        let mut aborted = Vec::new();
        // Without any transaction index there is no need to know where the slice ends.
        let rest = self.segments.get(index..).unwrap_or_default();
        if rest.iter().all(|segment| segment.transaction_index.is_empty()) {
            return Ok(aborted);
        }
        let next_base = self.segments.get(index + 1).map_or(self.log_end_offset, |next| next.base_offset);
        let upper_bound = match self.segments.get_mut(index) {
            Some(segment) => segment.offset_index.upper_bound(&self.files, end_position)?,
            None => None,
        };
        let upper_bound = upper_bound.map_or(next_base, |entry| entry.offset);
        for segment in self.segments.get(index..).unwrap_or_default() {
            if segment.transaction_index.collect(&self.files, start_offset, upper_bound, &mut aborted)? {
                break;
            }
        }
        Ok(aborted)
    }

    /// Aborted transactions that have records in `start_offset..end_offset`.
    pub fn aborted_transactions(&self, start_offset: i64, end_offset: i64) -> Result<Vec<AbortedTxn>> {
        let mut aborted = Vec::new();
        let index = self.segment_index(start_offset).unwrap_or(0);
        for segment in self.segments.get(index..).unwrap_or_default() {
            if segment.transaction_index.collect(&self.files, start_offset, end_offset, &mut aborted)? {
                break;
            }
        }
        Ok(aborted)
    }

    /// Where readers of this isolation must stop.
    pub fn bound(&mut self, isolation: Isolation) -> Result<OffsetMetadata> {
        match isolation {
            Isolation::LogEnd => Ok(self.log_end()),
            Isolation::HighWatermark => self.high_watermark_metadata(),
            Isolation::Committed => match self.first_unstable_offset() {
                Some(unstable) if unstable < self.high_watermark => {
                    if let Some(known) = self.first_unstable_at.filter(|known| known.offset == unstable) {
                        return Ok(known);
                    }
                    let found = self.locate(unstable)?;
                    self.first_unstable_at = Some(found);
                    Ok(found)
                }
                _ => self.high_watermark_metadata(),
            },
        }
    }

    fn high_watermark_metadata(&mut self) -> Result<OffsetMetadata> {
        if let Some(known) = self.high_watermark_at.filter(|known| known.offset == self.high_watermark) {
            return Ok(known);
        }
        let found = self.locate(self.high_watermark)?;
        self.high_watermark_at = Some(found);
        Ok(found)
    }

    /// Where the batch with this offset is; the log end if there is none.
    pub fn locate(&mut self, offset: i64) -> Result<OffsetMetadata> {
        if offset >= self.log_end_offset {
            return Ok(OffsetMetadata { offset, ..self.log_end() });
        }
        let mut index = self.segment_index(offset).unwrap_or(0);
        while let Some(segment) = self.segments.get_mut(index) {
            if let Some(found) = segment.find(&self.files, offset)? {
                return Ok(OffsetMetadata {
                    offset,
                    segment_base_offset: segment.base_offset,
                    position: found.position,
                });
            }
            index += 1;
        }
        Ok(OffsetMetadata { offset, ..self.log_end() })
    }
}
