//! A batch on its way into the log.

use bytes::{BufMut, Bytes, BytesMut};

use super::header::{ATTRIBUTES_AT, BATCH_OVERHEAD, TIMESTAMP_TYPE_MASK};
use super::{BatchError, BatchHeader, RecordBatch, TimestampType};

/// A magic 2 batch with its header apart from its records.
///
/// A produce request's records lie in a buffer that other partitions share. Keeping the header apart lets a leader
/// assign offsets and timestamps by writing 61 bytes anew; the records are written from where they were received
/// (`pwritev` of [`NewBatch::head`] and [`NewBatch::records`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBatch {
    header: BatchHeader,
    records: Bytes,
}

impl NewBatch {
    /// Takes a whole batch apart; magic 2 only. The checksum is not looked at.
    pub fn new(batch: &RecordBatch) -> Result<Self, BatchError> {
        if batch.magic != 2 {
            return Err(BatchError::Magic(batch.magic));
        }
        Ok(Self { header: batch.header(), records: batch.bytes().slice(BATCH_OVERHEAD..) })
    }

    /// Takes apart what [`super::BatchBuilder::build`] gave.
    pub fn from_built(bytes: BytesMut) -> Result<Self, BatchError> {
        Self::new(&RecordBatch::new(&bytes.freeze())?)
    }

    /// The header as it will be written.
    pub const fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The header's bytes.
    pub fn head(&self) -> [u8; BATCH_OVERHEAD] {
        let mut head = [0; BATCH_OVERHEAD];
        self.header.encode_v2(&mut head);
        head
    }

    /// Everything after the header, compressed if the batch is.
    pub const fn records(&self) -> &Bytes {
        &self.records
    }

    /// Size of the whole batch in bytes.
    pub const fn size(&self) -> usize {
        self.header.size()
    }

    /// Gives the batch offsets from `base_offset` on, stamps the leader's epoch, and returns the next offset. The
    /// checksum covers neither.
    pub const fn assign_offsets(&mut self, base_offset: i64, leader_epoch: i32) -> i64 {
        self.header.base_offset = base_offset;
        self.header.partition_leader_epoch = leader_epoch;
        self.header.next_offset()
    }

    /// Sets timestamp type and max timestamp and brings the checksum along.
    pub fn set_max_timestamp(&mut self, kind: TimestampType, max_timestamp: i64) {
        let wanted = match kind {
            TimestampType::LogAppendTime => self.header.attributes | TIMESTAMP_TYPE_MASK,
            _ => self.header.attributes & !TIMESTAMP_TYPE_MASK,
        };
        if wanted == self.header.attributes && max_timestamp == self.header.max_timestamp {
            return;
        }
        self.header.attributes = wanted;
        self.header.max_timestamp = max_timestamp;
        let head = crc32c::crc32c(self.head().get(ATTRIBUTES_AT..).unwrap_or_default());
        self.header.crc = crc32c::crc32c_append(head, &self.records);
    }

    /// The whole batch in one buffer, which copies the records.
    pub fn to_bytes(&self) -> BytesMut {
        let mut bytes = BytesMut::with_capacity(self.size());
        bytes.put_slice(&self.head());
        bytes.put_slice(&self.records);
        bytes
    }
}
