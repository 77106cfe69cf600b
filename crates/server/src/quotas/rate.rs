//! A rate over a window of samples, as Kafka measures quotas.
//!
//! What is counted falls into samples of a fixed length. The rate is their sum by the time since the oldest of them
//! began, or by the whole window but for the last sample if that is longer: so that a burst at the beginning does not
//! count as if it had gone on.

use std::time::Duration;

/// How many samples there are and how long each is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    samples: u32,
    size: Duration,
}

impl Window {
    /// `samples` of `seconds` each, at least one of one second.
    pub fn new(samples: i32, seconds: i32) -> Self {
        let positive = |value: i32| u32::try_from(value).unwrap_or(1).max(1);
        Self { samples: positive(samples), size: Duration::from_secs(u64::from(positive(seconds))) }
    }

    /// The length of one sample.
    pub const fn size(self) -> Duration {
        self.size
    }

    /// The length of all samples.
    pub fn whole(self) -> Duration {
        self.size * self.samples
    }

    /// The length of all samples but the last.
    pub fn without_last(self) -> Duration {
        self.size * (self.samples - 1)
    }
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    start: Duration,
    last_event: Duration,
    value: f64,
}

impl Sample {
    const fn new(now: Duration) -> Self {
        Self { start: now, last_event: now, value: 0.0 }
    }
}

/// A rate.
#[derive(Debug, Default)]
pub struct Rate {
    samples: Vec<Sample>,
    current: usize,
}

impl Rate {
    /// Counts a value at a time.
    pub fn record(&mut self, value: f64, now: Duration, window: Window) {
        match self.samples.get(self.current) {
            None => self.samples.push(Sample::new(now)),
            Some(current) if now.saturating_sub(current.start) >= window.size => {
                // One more than counts, for the one that begins outside of the window and ends within.
                self.current = (self.current + 1) % (window.samples as usize + 1);
                match self.samples.get_mut(self.current) {
                    Some(oldest) => *oldest = Sample::new(now),
                    None => {
                        self.current = self.samples.len();
                        self.samples.push(Sample::new(now));
                    }
                }
            }
            Some(_) => {}
        }
        if let Some(current) = self.samples.get_mut(self.current) {
            current.value += value;
            current.last_event = now;
        }
    }

    /// The value per second, and the time that it is measured over.
    pub fn measure(&mut self, now: Duration, window: Window) -> (f64, Duration) {
        let all = window.whole();
        for sample in &mut self.samples {
            if now.saturating_sub(sample.last_event) >= all {
                *sample = Sample::new(now);
            }
        }
        let sum: f64 = self.samples.iter().map(|sample| sample.value).sum();
        let oldest = self.samples.iter().map(|sample| sample.start).min().unwrap_or(now);
        let elapsed = now.saturating_sub(oldest);
        let full = u32::try_from(elapsed.as_millis() / window.size.as_millis().max(1)).unwrap_or(u32::MAX);
        let missing = (window.samples - 1).saturating_sub(full);
        let over = (elapsed + window.size * missing).max(Duration::from_millis(1));
        (sum / over.as_secs_f64(), over)
    }

    /// Whether nothing that counts was counted for as long as the window is.
    pub fn is_idle(&self, now: Duration, window: Window) -> bool {
        let all = window.whole();
        self.samples.iter().all(|sample| now.saturating_sub(sample.last_event) >= all)
    }

    /// How long nothing may be counted until the rate is at the limit again.
    pub fn throttle(&mut self, limit: f64, now: Duration, window: Window) -> Duration {
        let (rate, over) = self.measure(now, window);
        // A rate of O over a window of W is brought to T by waiting X: O * W / (W + X) = T.
        let wait = if rate > limit { (rate - limit) / limit * over.as_secs_f64() } else { 0.0 };
        Duration::try_from_secs_f64(wait).unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_burst_is_spread_over_the_window() {
        let window = Window::new(11, 1);
        let mut rate = Rate::default();
        // 10 per second for ten seconds are 100.
        rate.record(100.0, ms(5000), window);
        assert_eq!(rate.throttle(10.0, ms(5000), window), ms(0));
        rate.record(50.0, ms(5000), window);
        assert_eq!(rate.throttle(10.0, ms(5000), window), ms(5000));
        // Waiting does what it is said to.
        assert_eq!(rate.throttle(10.0, ms(10_000), window), ms(5000));
        assert_eq!(rate.throttle(10.0, ms(20_000), window), ms(0));
    }

    #[test]
    fn what_is_old_does_not_count() {
        let window = Window::new(3, 2);
        let mut rate = Rate::default();
        for second in 0..60 {
            rate.record(7.0, ms(1000 * second), window);
        }
        let (measured, over) = rate.measure(ms(59_999), window);
        assert!((measured - 7.0).abs() < 0.9, "{measured}");
        assert!(over <= ms(8000), "{over:?}");
        assert_eq!(rate.samples.len(), 4);
        let (measured, _) = rate.measure(ms(70_000), window);
        assert!(measured.abs() < f64::EPSILON, "{measured}");
        rate.record(7.0, ms(70_000), window);
        rate.record(-7.0, ms(70_000), window);
        assert!(
            rate.measure(ms(70_001), window).0.abs() < f64::EPSILON,
            "what was taken back does not count"
        );
    }
}
