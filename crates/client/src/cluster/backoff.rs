//! Pauses between attempts: doubling, bounded, with a fifth of randomness either way (KIP-580).

use std::time::Duration;

use klamm_io::Entropy;

/// How long to pause before an attempt.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    first: Duration,
    max: Duration,
}

impl Backoff {
    /// Pauses from `first` to `max`.
    pub const fn new(first: Duration, max: Duration) -> Self {
        Self { first, max }
    }

    /// The pause after `failures` attempts that failed before this one.
    pub fn pause(&self, failures: u32, entropy: &Entropy) -> Duration {
        if self.first >= self.max {
            return self.first;
        }
        let full = self.first.saturating_mul(1 << failures.min(20)).min(self.max);
        let permille = 800 + entropy.below(401) as u32;
        (full.saturating_mul(permille) / 1000).min(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_within_their_bounds() {
        let backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(1000));
        let entropy = Entropy::seeded(7);
        for (failures, low, high) in
            [(0, 80, 120), (1, 160, 240), (2, 320, 480), (5, 800, 1000), (90, 800, 1000)]
        {
            for _ in 0..50 {
                let pause = backoff.pause(failures, &entropy).as_millis();
                assert!((low..=high).contains(&pause), "{failures}: {pause}");
            }
        }
    }
}
