//! Counting records and latencies, and the lines that Kafka's tool prints of them.

use indicatif::ProgressBar;
use klamm_io::Instant;

/// Latencies that are kept, at most about that many.
const SAMPLES_MAX: i64 = 500_000;

pub(super) struct Stats {
    /// What is printed moves it out of the way first.
    bar: ProgressBar,
    start: Instant,
    latencies: Vec<u64>,
    sampling: i64,
    interval_ms: i64,
    iteration: i64,
    total: Sums,
    window: Sums,
    window_start: Instant,
    is_steady_state: bool,
    is_suppressed: bool,
}

#[derive(Clone, Copy, Default)]
struct Sums {
    count: u64,
    bytes: u64,
    latency: u64,
    latency_max: u64,
}

impl Sums {
    fn add(&mut self, latency: u64, bytes: u64) {
        self.count += 1;
        self.bytes += bytes;
        self.latency += latency;
        self.latency_max = self.latency_max.max(latency);
    }

    fn rates(&self, elapsed_ms: f64) -> (f64, f64) {
        let bytes = self.bytes as f64 / (1024.0 * 1024.0);
        (1000.0 * self.count as f64 / elapsed_ms, 1000.0 * bytes / elapsed_ms)
    }

    fn latency_avg(&self) -> f64 {
        self.latency as f64 / self.count as f64
    }
}

impl Stats {
    pub(super) fn new(
        records: i64,
        interval_ms: i64,
        is_steady_state: bool,
        now: Instant,
        bar: ProgressBar,
    ) -> Self {
        Self {
            bar,
            start: now,
            latencies: Vec::new(),
            sampling: (records / records.clamp(1, SAMPLES_MAX)).max(1),
            interval_ms,
            iteration: 0,
            total: Sums::default(),
            window: Sums::default(),
            window_start: now,
            is_steady_state,
            is_suppressed: false,
        }
    }

    /// Counts a record that took `latency` milliseconds, and reports when an interval is over.
    pub(super) fn record(&mut self, latency: u64, bytes: u64, now: Instant) {
        self.total.add(latency, bytes);
        self.window.add(latency, bytes);
        if self.iteration % self.sampling == 0 {
            self.latencies.push(latency);
        }
        self.iteration += 1;
        if (now - self.window_start).as_millis() as i64 >= self.interval_ms {
            if self.is_steady_state && self.total.count == self.window.count {
                self.bar.suspend(|| println!("In steady state."));
            }
            if !self.is_suppressed {
                self.bar.suspend(|| println!("{}", self.window_line(now)));
            }
            self.window = Sums::default();
            self.window_start = now;
        }
    }

    pub(super) fn suppress(&mut self) {
        self.is_suppressed = true;
    }

    fn window_line(&self, now: Instant) -> String {
        let (records, mb) = self.window.rates((now - self.window_start).as_millis() as f64);
        format!(
            "{} records sent, {records:.1} records/sec ({mb:.2} MB/sec), {:.1} ms avg latency, {:.1} ms max latency.",
            self.window.count,
            self.window.latency_avg(),
            self.window.latency_max as f64
        )
    }

    /// The summary.
    pub(super) fn total(&mut self, now: Instant) -> String {
        let (records, mb) = self.total.rates((now - self.start).as_millis().max(1) as f64);
        self.latencies.sort_unstable();
        let size = self.latencies.len();
        let at = |share: f64| self.latencies.get((share * size as f64) as usize).copied().unwrap_or(0);
        format!(
            "{}{} records sent, {records:.6} records/sec ({mb:.2} MB/sec), {:.2} ms avg latency, {:.2} ms max latency, {} ms 50th, {} ms 95th, {} ms 99th, {} ms 99.9th.",
            self.total.count,
            if self.is_steady_state { " steady state" } else { "" },
            self.total.latency_avg(),
            self.total.latency_max as f64,
            at(0.5),
            at(0.95),
            at(0.99),
            at(0.999)
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn lines_are_those_of_kafka() {
        let start = Instant::default();
        let mut stats = Stats::new(1000, 1_000_000, false, start, ProgressBar::hidden());
        for i in 0..1000 {
            stats.record(i, 1024, start + Duration::from_secs(1));
        }
        let end = start + Duration::from_secs(2);
        assert_eq!(
            stats.window_line(end),
            "1000 records sent, 500.0 records/sec (0.49 MB/sec), 499.5 ms avg latency, 999.0 ms max latency."
        );
        assert_eq!(
            stats.total(end),
            "1000 records sent, 500.000000 records/sec (0.49 MB/sec), 499.50 ms avg latency, 999.00 ms max latency, 500 ms 50th, 950 ms 95th, 990 ms 99th, 999 ms 99.9th."
        );
    }
}
