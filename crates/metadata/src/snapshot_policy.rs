//! When to write a snapshot of the metadata.

use std::time::Duration;

/// Counts what was committed since the last snapshot. Time is since the node's start.
#[derive(Clone, Debug)]
pub struct SnapshotPolicy {
    bytes_max: u64,
    interval: Option<Duration>,
    bytes: u64,
    last: Duration,
}

impl SnapshotPolicy {
    /// `bytes_max` is `metadata.log.max.record.bytes.between.snapshots`, `interval`
    /// `metadata.log.max.snapshot.interval.ms` (0: never by time).
    pub fn new(bytes_max: u64, interval: Duration, now: Duration) -> Self {
        Self {
            bytes_max,
            interval: Some(interval).filter(|interval| !interval.is_zero()),
            bytes: 0,
            last: now,
        }
    }

    /// Notes committed batches.
    pub const fn add(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Whether a snapshot is due. Never without anything new since the last one.
    pub fn is_due(&self, now: Duration) -> bool {
        let late = self.interval.is_some_and(|interval| now >= self.last.saturating_add(interval));
        self.bytes > 0 && (self.bytes >= self.bytes_max || late)
    }

    /// A snapshot was begun, or one was fetched from the leader.
    pub const fn reset(&mut self, now: Duration) {
        self.bytes = 0;
        self.last = now;
    }
}

#[cfg(test)]
mod tests {
    use super::SnapshotPolicy;
    use std::time::Duration;

    #[test]
    fn a_snapshot_is_due_by_size_or_by_time_when_there_is_news() {
        let seconds = Duration::from_secs;
        for (interval, bytes, now, expect) in [
            (10, 0, 99, false),
            (10, 99, 5, false),
            (10, 100, 0, true),
            (10, 1, 10, true),
            (0, 1, 1_000_000, false),
        ] {
            let mut policy = SnapshotPolicy::new(100, seconds(interval), seconds(0));
            policy.add(bytes);
            assert_eq!(policy.is_due(seconds(now)), expect, "{interval} {bytes} {now}");
            policy.reset(seconds(now));
            assert!(!policy.is_due(seconds(now)));
        }
    }
}
