//! Giving up records that are not in the log any more, or never should be seen.

use super::SharePartition;
use crate::delivery::RecordState;

impl SharePartition {
    /// The log starts at this offset now. Records before it that a member has stay with it until the lock runs out.
    pub fn log_start_moved(&mut self, log_start: i64) {
        if log_start <= self.start_offset {
            return;
        }
        if self.batches.is_empty() {
            self.start_offset = log_start;
            self.end_offset = log_start;
            return;
        }
        let keys: Vec<i64> = self.batches.keys().copied().collect();
        self.may_redeliver |= self.archive(&keys, self.start_offset, log_start, RecordState::Available);
        self.start_offset = log_start;
        // What remains is behind the start: the next record to fetch is the log's first.
        self.end_offset = self.end_offset.max(log_start);
        if self.active_gaps().is_some_and(|gaps| gaps.from < log_start) {
            self.gaps_filled_to(log_start);
        }
    }

    /// What lies between where the log was read and where its first batch begins is gone by compaction.
    pub(super) fn archive_stale(&mut self, fetch_offset: i64, base_offset: i64) {
        if fetch_offset >= base_offset {
            return;
        }
        let floor = self.floor(fetch_offset).filter(|batch| batch.last >= fetch_offset);
        let from = floor.map_or(fetch_offset, |batch| batch.first);
        let keys = self.keys(from, base_offset - 1);
        self.may_redeliver |= self.archive(&keys, fetch_offset, base_offset, RecordState::Available);
    }

    /// Archives the records of some batches that are in a state, from one offset to before another. Returns whether there
    /// were any.
    pub(super) fn archive(&mut self, keys: &[i64], from: i64, to: i64, state: RecordState) -> bool {
        let mut is_any = false;
        for key in keys {
            let Some(batch) = self.batches.get_mut(key).filter(|batch| batch.first < to) else { continue };
            let is_affected = batch.whole().is_none_or(|delivery| delivery.state == state);
            if !is_affected || batch.last < from {
                continue;
            }
            if !batch.is_within(from, to - 1) {
                batch.explode();
            }
            for (first, last, delivery) in batch.parts_mut() {
                if delivery.state == state && first >= from && last < to {
                    delivery.archive();
                    is_any = true;
                }
            }
        }
        is_any
    }

    /// Archives what was just acquired of an aborted transaction's batch.
    pub(super) fn archive_aborted(&mut self, first: i64, last: i64) {
        let from = self.floor(first).map_or(first, |batch| batch.first);
        let keys = self.keys(from, last);
        self.archive(&keys, first, last + 1, RecordState::Acquired);
    }
}
