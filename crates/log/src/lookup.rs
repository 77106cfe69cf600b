//! Offsets by timestamp, for ListOffsets.

use klamm_protocol::records::NO_TIMESTAMP;

use crate::error::Result;
use crate::log::Log;

/// What ListOffsets may ask for; the special ones have negative timestamps on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetSpec {
    /// -1: the offset that the next record gets. Which offset a client may see as the latest (high watermark, last
    /// stable offset) is for the caller to decide.
    Latest,
    /// -2: the first offset.
    Earliest,
    /// -3: the offset of the record with the largest timestamp (KIP-734).
    MaxTimestamp,
    /// -4: the first offset that is on this broker's disk (KIP-405).
    EarliestLocal,
    /// -5: the last offset that is in the remote tier (KIP-1005).
    LatestTiered,
    /// -6: the first offset that is not yet in the remote tier (KIP-1023).
    EarliestPendingUpload,
    /// The first record whose timestamp is at least this, in milliseconds.
    Timestamp(i64),
}

impl OffsetSpec {
    /// From the number on the wire. `None` if it means nothing.
    pub fn from_wire(timestamp: i64) -> Option<Self> {
        Some(match timestamp {
            -1 => Self::Latest,
            -2 => Self::Earliest,
            -3 => Self::MaxTimestamp,
            -4 => Self::EarliestLocal,
            -5 => Self::LatestTiered,
            -6 => Self::EarliestPendingUpload,
            0.. => Self::Timestamp(timestamp),
            _ => return None,
        })
    }
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundOffset {
    /// Timestamp of the record, [`NO_TIMESTAMP`] if no record was looked for.
    pub timestamp: i64,
    /// The offset, -1 if there is none.
    pub offset: i64,
    /// Leader epoch in which it was written, if known.
    pub leader_epoch: Option<i32>,
}

impl Log {
    /// Finds an offset. `None` if no record has such a timestamp.
    pub fn find_offset(&mut self, spec: OffsetSpec) -> Result<Option<FoundOffset>> {
        let without_record =
            |offset, leader_epoch| Ok(Some(FoundOffset { timestamp: NO_TIMESTAMP, offset, leader_epoch }));
        match spec {
            OffsetSpec::Latest => without_record(self.log_end_offset, self.epochs.latest_epoch()),
            OffsetSpec::Earliest | OffsetSpec::EarliestLocal => {
                let covering =
                    self.epochs.earliest().filter(|entry| entry.start_offset <= self.log_start_offset);
                without_record(self.log_start_offset, covering.map(|entry| entry.epoch))
            }
            // There is no remote tier.
            OffsetSpec::LatestTiered | OffsetSpec::EarliestPendingUpload => without_record(-1, Some(-1)),
            OffsetSpec::MaxTimestamp => self.find_max_timestamp(),
            OffsetSpec::Timestamp(timestamp) => self.find_timestamp(timestamp),
        }
    }

    fn find_max_timestamp(&mut self) -> Result<Option<FoundOffset>> {
        let mut best: Option<(usize, i64)> = None;
        for (index, segment) in self.segments.iter_mut().enumerate() {
            let max = segment.max_timestamp(&self.files)?.timestamp;
            if best.is_none_or(|(_, timestamp)| max > timestamp) {
                best = Some((index, max));
            }
        }
        let segment = best.and_then(|(index, _)| self.segments.get_mut(index));
        let found = match segment {
            Some(segment) => segment.find_max_timestamp(&self.files)?,
            None => None,
        };
        Ok(found.map(|(record, epoch)| FoundOffset {
            timestamp: record.timestamp,
            offset: record.offset,
            leader_epoch: (epoch >= 0).then_some(epoch),
        }))
    }

    fn find_timestamp(&mut self, timestamp: i64) -> Result<Option<FoundOffset>> {
        let start_offset = self.log_start_offset;
        for segment in &mut self.segments {
            if segment.retention_timestamp(&self.files)? < timestamp {
                continue;
            }
            // Kafka looks into the first such segment only, and finds nothing if all that is late enough there lies
            // before the log start offset.
            if let Some((record, epoch)) = segment.find_timestamp(&self.files, timestamp, start_offset)? {
                return Ok(Some(FoundOffset {
                    timestamp: record.timestamp,
                    offset: record.offset,
                    leader_epoch: (epoch >= 0).then_some(epoch),
                }));
            }
        }
        Ok(None)
    }
}
