//! Finding records by timestamp inside a batch, for ListOffsets and the time index.

use super::{BatchError, DecompressLimits, NO_TIMESTAMP, RecordBatch};

/// A timestamp and the offset it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimestampOffset {
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    pub offset: i64,
}

impl RecordBatch {
    /// The first record at or after `offset_min` whose timestamp is at least `timestamp`. A batch whose header
    /// rules it out is not decompressed.
    pub fn find_timestamp(
        &self,
        timestamp: i64,
        offset_min: i64,
        limits: DecompressLimits,
    ) -> Result<Option<TimestampOffset>, BatchError> {
        if self.max_timestamp < timestamp || self.last_offset() < offset_min {
            return Ok(None);
        }
        self.find(limits, |found| found.timestamp >= timestamp && found.offset >= offset_min)
    }

    /// The first record that carries the batch's max timestamp (KIP-734); `None` for magic 0 and empty batches.
    pub fn offset_of_max_timestamp(
        &self,
        limits: DecompressLimits,
    ) -> Result<Option<TimestampOffset>, BatchError> {
        if self.magic == 0 {
            return Ok(None);
        }
        self.find(limits, |found| found.timestamp == self.max_timestamp)
    }

    /// What the time index records for this batch: max timestamp and *last* offset, so that leader, follower and
    /// recovery agree without decompressing. `None` if the batch has no timestamp.
    pub fn shallow_max_timestamp(&self) -> Option<TimestampOffset> {
        (self.max_timestamp > NO_TIMESTAMP)
            .then(|| TimestampOffset { timestamp: self.max_timestamp, offset: self.last_offset() })
    }

    fn find(
        &self,
        limits: DecompressLimits,
        matches: impl Fn(TimestampOffset) -> bool,
    ) -> Result<Option<TimestampOffset>, BatchError> {
        if self.magic < 2 {
            for record in self.records_within(limits)? {
                let record = record?;
                let found = TimestampOffset { timestamp: record.timestamp, offset: record.offset };
                if matches(found) {
                    return Ok(Some(found));
                }
            }
            return Ok(None);
        }
        for meta in self.record_metas(limits)? {
            let meta = meta?;
            let found = TimestampOffset { timestamp: meta.timestamp, offset: meta.offset };
            if matches(found) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}
