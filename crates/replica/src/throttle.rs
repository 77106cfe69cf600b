//! How much is replicated in a second, for the throttles that a reassignment is given (KIP-73).
//!
//! Kafka's measure: bytes are counted in windows; the rate is what the windows that are kept hold, over the time since
//! the oldest of them began, but at least over one window. A burst is so repaid by a pause, and after a while without
//! any traffic the next bytes come at once.

use std::{collections::VecDeque, time::Duration};

/// A window: when it began, when it was last counted into, and the bytes.
#[derive(Debug, Clone, Copy)]
struct Window {
    began: Duration,
    last: Duration,
    bytes: u64,
}

/// The bytes of the last windows.
#[derive(Debug)]
pub struct Rate {
    length: Duration,
    count: u32,
    windows: VecDeque<Window>,
}

impl Rate {
    /// Nothing counted yet. `count` windows (`replication.quota.window.num`) of `length`
    /// (`replication.quota.window.size.seconds`) are kept.
    pub fn new(length: Duration, count: u32) -> Self {
        Self { length: length.max(Duration::from_millis(1)), count: count.max(1), windows: VecDeque::new() }
    }

    /// Counts bytes.
    pub fn record(&mut self, now: Duration, bytes: u64) {
        self.forget(now);
        match self.windows.back_mut() {
            Some(window) if now < window.began + self.length => {
                window.bytes += bytes;
                window.last = now;
            }
            _ => self.windows.push_back(Window { began: now, last: now, bytes }),
        }
    }

    /// Whether more than `limit` bytes a second were counted.
    pub fn exceeds(&mut self, now: Duration, limit: i64) -> bool {
        self.forget(now);
        let bytes: u64 = self.windows.iter().map(|window| window.bytes).sum();
        let Some(first) = self.windows.front() else { return false };
        let over = now.saturating_sub(first.began).max(self.length);
        bytes as f64 / over.as_secs_f64() > limit as f64
    }

    fn forget(&mut self, now: Duration) {
        let age_max = self.length * self.count;
        while self.windows.front().is_some_and(|window| now.saturating_sub(window.last) >= age_max) {
            self.windows.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_repaid_by_a_pause() {
        let at = Duration::from_millis;
        let mut rate = Rate::new(at(1000), 11);
        assert!(!rate.exceeds(at(5000), 100), "nothing yet");
        rate.record(at(5000), 100);
        assert!(!rate.exceeds(at(5001), 100), "a second's worth");
        rate.record(at(5002), 400);
        // 500 bytes are five seconds' worth.
        for (ms, expect) in [(5003, true), (7000, true), (9999, true), (10_000, false), (12_000, false)] {
            assert_eq!(rate.exceeds(at(ms), 100), expect, "at {ms}");
        }
        // A window is forgotten eleven windows after it was last counted into.
        rate.record(at(15_000), 1000);
        assert!(!rate.exceeds(at(16_001), 250));
        assert!(rate.exceeds(at(16_002), 250));
        assert!(!rate.exceeds(at(26_000), 0), "all is forgotten");
    }
}
