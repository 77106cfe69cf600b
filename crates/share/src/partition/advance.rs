//! Moving the start offset past what is done with.

use super::{Gaps, SharePartition};

impl SharePartition {
    /// Moves the start offset as far as it may go, and forgets the batches behind it. Returns whether anything changed.
    pub(super) fn advance(&mut self) -> bool {
        if !self.may_advance() {
            return false;
        }
        let Some(settled) = self.last_settled() else { return false };
        let Some(last) = self.batches.last_key_value().map(|(_, batch)| batch.last) else { return false };
        if settled == last {
            self.start_offset = last + 1;
            self.end_offset = last + 1;
            self.batches.clear();
            self.deadlines.clear();
            return true;
        }
        let Some((key, ends_batch)) = self.floor(settled).map(|batch| (batch.first, batch.last == settled))
        else {
            return false;
        };
        if ends_batch {
            let next = self.batches.range(settled + 1..).next().map_or(settled + 1, |(key, _)| *key);
            // What was not fetched yet begins before the next batch, if there is any.
            let next = self.active_gaps().map_or(next, |gaps| next.min(gaps.from));
            self.start_offset = self.start_offset.max(next);
            self.batches = self.batches.split_off(&(key + 1));
        } else {
            // A batch of which records are left stays whole.
            self.start_offset = self.start_offset.max(settled + 1);
            self.batches = self.batches.split_off(&key);
        }
        true
    }

    /// Whether the record at the start offset is done with.
    fn may_advance(&self) -> bool {
        // Without a batch there, the gap at the start has to be fetched first.
        let Some(batch) = self.floor(self.start_offset) else { return false };
        batch.at(self.start_offset).is_none_or(crate::delivery::Delivery::is_settled)
    }

    /// The last offset up to which everything is done with.
    fn last_settled(&self) -> Option<i64> {
        let mut settled = None;
        let gap = self.active_gaps().map_or(i64::MAX, |gaps| gaps.from);
        for batch in self.batches.values() {
            if batch.last >= gap {
                return settled;
            }
            for (_, last, delivery) in batch.parts() {
                if !delivery.is_settled() {
                    return settled;
                }
                settled = Some(last);
            }
        }
        settled
    }

    /// Notes that everything before an offset was fetched, or is not in the log.
    pub(super) fn gaps_filled_to(&mut self, offset: i64) {
        let end_offset = self.end_offset;
        let Some(gaps) = self.gaps.filter(|gaps| gaps.end_offset == end_offset) else {
            self.gaps = None;
            return;
        };
        let mut from = offset.max(gaps.from);
        // Where the next gap begins is behind what is tracked.
        while let Some(batch) = self.floor(from).filter(|batch| batch.last >= from) {
            from = batch.last.saturating_add(1);
        }
        self.gaps = (from <= end_offset).then_some(Gaps { from, end_offset });
    }

    /// The log was read from one offset on, and has nothing before another: nobody waits for what is between.
    pub(super) fn pass_over(&mut self, fetch_offset: i64, base_offset: i64) {
        if self.active_gaps().is_some_and(|gaps| (fetch_offset..base_offset).contains(&gaps.from)) {
            self.gaps_filled_to(base_offset);
        }
        let first = self.batches.first_key_value().map_or(base_offset, |(key, _)| base_offset.min(*key));
        if fetch_offset <= self.start_offset {
            self.start_offset = self.start_offset.max(first);
        }
    }
}
