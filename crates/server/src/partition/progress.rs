//! How many bytes become readable as the high watermark and the last stable offset rise.

use std::collections::VecDeque;

/// Batches counted one by one; beyond, several are counted as one, which makes waiting fetches wake a little later.
const BATCHES_MAX: usize = 1024;

/// Bytes that are in the log and that waiting consumers have not been told of.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// End offset and bytes of batches above the high watermark.
    unreplicated: VecDeque<(i64, u64)>,
    /// Bytes between what was the last stable offset and the high watermark.
    unstable: u64,
    stable_offset: i64,
}

impl Progress {
    /// A batch was appended.
    pub(super) fn appended(&mut self, end_offset: i64, bytes: u64) {
        let is_full = self.unreplicated.len() >= BATCHES_MAX;
        match self.unreplicated.back_mut() {
            Some((end, sum)) if is_full => {
                *end = end_offset;
                *sum += bytes;
            }
            _ => self.unreplicated.push_back((end_offset, bytes)),
        }
    }

    /// Everything from `end_offset` on is gone.
    pub(super) fn truncated(&mut self, end_offset: i64) {
        while self.unreplicated.pop_back_if(|(end, _)| *end > end_offset).is_some() {}
        self.stable_offset = self.stable_offset.min(end_offset);
    }

    /// The log's bounds are now these. Returns the bytes that have become readable: to all, and to committed readers.
    pub(super) fn moved(&mut self, high_watermark: i64, last_stable_offset: i64) -> (u64, u64) {
        let mut readable = 0;
        while let Some((_, bytes)) = self.unreplicated.pop_front_if(|(end, _)| *end <= high_watermark) {
            readable += bytes;
        }
        self.unstable += readable;
        let has_moved = last_stable_offset > self.stable_offset;
        self.stable_offset = last_stable_offset;
        // Where in the bytes the last stable offset is is not known; a fetch that is woken for less than it wants
        // answers a little early.
        (readable, if has_moved { std::mem::take(&mut self.unstable) } else { 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_told_once_and_to_whom_they_are_readable() {
        let mut progress = Progress::default();
        progress.appended(10, 100);
        progress.appended(20, 200);
        progress.appended(30, 400);
        assert_eq!(progress.moved(5, 5), (0, 0));
        assert_eq!(progress.moved(10, 5), (100, 0));
        assert_eq!(progress.moved(20, 20), (200, 300));
        progress.truncated(20);
        progress.appended(25, 1000);
        assert_eq!(progress.moved(25, 25), (1000, 1000));
    }

    #[test]
    fn a_lagging_follower_does_not_pile_up_batches() {
        let mut progress = Progress::default();
        for batch in 1..=5000 {
            progress.appended(batch, 1);
        }
        assert_eq!(progress.unreplicated.len(), BATCHES_MAX);
        assert_eq!(progress.moved(5000, 5000), (5000, 5000));
    }
}
