//! When a broker may be connected to again, and how long the connecting may take.
//!
//! Pure: [`super::Cluster`] tells what becomes of connections, and waits.

use std::time::Duration;

use klamm_io::{Entropy, Instant};

use super::Backoff;

/// The pauses between connections to one broker.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pacing {
    /// `reconnect.backoff.ms` to `reconnect.backoff.max.ms`.
    pub(super) pause: Backoff,
    /// `socket.connection.setup.timeout.ms` to `socket.connection.setup.timeout.max.ms` (KIP-601).
    pub(super) setup: Backoff,
}

/// What has become of the connections to one broker.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    /// Connections that ended since one was good for something.
    failures: u32,
    /// Of them, those whose TCP connection was not made.
    setup_failures: u32,
    retry_at: Option<Instant>,
}

impl Attempts {
    /// Before this moment no connection is to be made.
    pub(super) const fn retry_at(&self) -> Option<Instant> {
        self.retry_at
    }

    /// How long the next TCP connection may take to be made.
    pub(super) fn setup_timeout(&self, pacing: &Pacing, entropy: &Entropy) -> Duration {
        pacing.setup.pause(self.setup_failures, entropy)
    }

    /// The connection can be used.
    pub(super) const fn succeeded(&mut self) {
        self.failures = 0;
        self.setup_failures = 0;
        self.retry_at = None;
    }

    /// The connection was not made, or has ended, at this moment. `is_setup` says that it came to no TCP connection.
    pub(super) fn ended(&mut self, at: Instant, is_setup: bool, pacing: &Pacing, entropy: &Entropy) {
        self.retry_at = Some(at + pacing.pause.pause(self.failures, entropy));
        self.failures = self.failures.saturating_add(1);
        self.setup_failures = if is_setup { self.setup_failures.saturating_add(1) } else { 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_until_a_connection_is_made() {
        let millis = Duration::from_millis;
        let pacing = Pacing {
            pause: Backoff::new(millis(50), millis(1000)),
            setup: Backoff::new(millis(10_000), millis(30_000)),
        };
        let (entropy, now) = (Entropy::seeded(3), Instant::default());
        let mut attempts = Attempts::default();
        assert_eq!(attempts.retry_at(), None);
        let near = |found: Duration, middle: u64| {
            let (low, high) = (millis(middle * 8 / 10), millis(middle * 12 / 10));
            assert!((low..=high).contains(&found), "{found:?} is not about {middle} ms");
        };
        // A connection that was good and has ended, three that are not made, and one that is made and of no use.
        let story = [
            (false, 50, 10_000),
            (true, 100, 20_000),
            (true, 200, 30_000),
            (true, 400, 30_000),
            (false, 800, 10_000),
        ];
        for _ in 0..2 {
            for (is_setup, pause, setup) in story {
                attempts.ended(now, is_setup, &pacing, &entropy);
                near(attempts.retry_at().unwrap() - now, pause);
                near(attempts.setup_timeout(&pacing, &entropy), setup);
            }
            attempts.succeeded();
            assert_eq!(attempts.retry_at(), None);
        }
    }
}
