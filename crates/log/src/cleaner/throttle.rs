//! How long the cleaner must rest so that it does not read and write more than `log.cleaner.io.max.bytes.per.second`.

use std::time::Duration;

/// How often the rate is looked at.
const INTERVAL: Duration = Duration::from_millis(300);
/// The longest rest, if none can be computed.
const REST_MAX: Duration = Duration::from_secs(60);

/// Counts the bytes of all cleaner threads.
#[derive(Clone, Copy, Debug, Default)]
pub struct Throttle {
    since: Duration,
    bytes: u64,
}

impl Throttle {
    /// Counts bytes that were read or written at `now` (of a clock that only goes forward), and tells how long to rest
    /// until that is no more than `bytes_per_second` again.
    pub fn observe(&mut self, bytes: u64, bytes_per_second: f64, now: Duration) -> Duration {
        self.bytes = self.bytes.saturating_add(bytes);
        let elapsed = now.saturating_sub(self.since);
        if elapsed <= INTERVAL || self.bytes == 0 {
            return Duration::ZERO;
        }
        // A limit of nothing would be a rest for ever.
        let due = Duration::try_from_secs_f64(self.bytes as f64 / bytes_per_second).unwrap_or(REST_MAX);
        let rest = due.saturating_sub(elapsed);
        *self = Self { since: now + rest, bytes: 0 };
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_until_the_rate_is_right() {
        let ms = Duration::from_millis;
        let mut throttle = Throttle::default();
        // Bytes, limit, time, rest.
        for (step, (bytes, limit, now, rest)) in [
            (1000, 1000.0, 100, 0),
            (1000, 1000.0, 400, 1600),
            (100, 1000.0, 2100, 0),
            (100, 1000.0, 2400, 0),
            (1 << 40, f64::MAX, 3000, 0),
            (1 << 40, 0.0, 4000, 59_000),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(throttle.observe(bytes, limit, ms(now)), ms(rest), "step {step}");
        }
    }
}
