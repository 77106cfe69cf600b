//! One whole batch over shared bytes.

use std::ops::Deref;

use bytes::Bytes;

use super::header::{ATTRIBUTES_AT, LOG_OVERHEAD};
use super::{BatchError, BatchHeader, DecompressLimits, RecordIter, RecordMetaIter, legacy};

/// A batch with its header decoded; dereferences to [`BatchHeader`]. Cloning shares the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordBatch {
    header: BatchHeader,
    bytes: Bytes,
}

impl Deref for RecordBatch {
    type Target = BatchHeader;

    fn deref(&self) -> &BatchHeader {
        &self.header
    }
}

impl RecordBatch {
    /// The batch at the start of `bytes`; what follows it is cut off. The checksum is not looked at, see
    /// [`RecordBatch::check_crc`].
    pub fn new(bytes: &Bytes) -> Result<Self, BatchError> {
        let header = BatchHeader::decode(bytes)?;
        let need = header.size();
        if bytes.len() < need {
            return Err(BatchError::Truncated { have: bytes.len(), need });
        }
        Ok(Self { header, bytes: bytes.slice(..need) })
    }

    /// The header, copied.
    pub const fn header(&self) -> BatchHeader {
        self.header
    }

    /// All bytes of the batch.
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// All bytes of the batch.
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// The checksum the bytes should carry: CRC32C from the attributes on, or CRC32 from the magic on before
    /// magic 2.
    pub fn compute_crc(&self) -> u32 {
        if self.header.magic >= 2 {
            crc32c::crc32c(self.bytes.get(ATTRIBUTES_AT..).unwrap_or_default())
        } else {
            crc32fast::hash(self.bytes.get(LOG_OVERHEAD + 4..).unwrap_or_default())
        }
    }

    /// Compares the stored checksum with the bytes.
    pub fn check_crc(&self) -> Result<(), BatchError> {
        let computed = self.compute_crc();
        if computed == self.header.crc {
            Ok(())
        } else {
            Err(BatchError::Crc { stored: self.header.crc, computed })
        }
    }

    /// Iterates the records with the default limits; compressed ones are inflated as the iterator goes.
    pub fn records(&self) -> Result<RecordIter, BatchError> {
        self.records_within(DecompressLimits::default())
    }

    /// Iterates the records; `limits` bounds what decompression may cost.
    pub fn records_within(&self, limits: DecompressLimits) -> Result<RecordIter, BatchError> {
        RecordIter::new(self, limits)
    }

    /// Iterates offsets, timestamps and sizes only: keys, values and headers are skipped, never kept. Magic 2
    /// only; an older batch gives an error.
    pub fn record_metas(&self, limits: DecompressLimits) -> Result<RecordMetaIter<'_>, BatchError> {
        RecordMetaIter::new(self, limits)
    }

    /// Offset of the first record or, for magic 2, the one it had before compaction. Decompresses a compressed
    /// batch of magic 0 or 1, the header of which does not hold it.
    pub fn first_offset(&self) -> Result<i64, BatchError> {
        if self.header.magic >= 2 || !self.header.is_compressed() {
            return Ok(self.header.base_offset);
        }
        let records = legacy::records(self, DecompressLimits::default())?;
        records.first().map(|r| r.offset).ok_or(legacy::NO_INNER_RECORDS)
    }
}
