//! What shards tell of transactions beside their coordinators: verifications, and markers that find no leader.

use hdrhistogram::Histogram;
use klamm_io::Instant;

use super::{
    families::{UNKNOWN_DESTINATIONS, VERIFICATION_FAILURES, VERIFICATION_TIME},
    lately::Times,
    samples::{Samples, count},
};

/// What a shard tells.
#[derive(Debug, Default)]
pub struct TransactionMeasures {
    /// Questions to coordinators whether partitions take part in transactions.
    pub verifications: VerificationMeasures,
    /// Markers for partitions that have no leader.
    pub unknown_destinations: usize,
}

/// What became of verifications.
#[derive(Debug, Clone, Default)]
pub struct VerificationMeasures {
    /// Partitions whose batches were refused.
    failures: u64,
    times: Option<Times>,
}

impl VerificationMeasures {
    /// A coordinator, `asked` at that time, has answered, or has not in time.
    pub fn note(&mut self, now: Instant, asked: Instant, failures: u64) {
        self.failures += failures;
        if self.times.is_none() {
            self.times = Times::new(now);
        }
        if let Some(times) = &mut self.times {
            times.note(now, now.saturating_since(asked));
        }
    }

    /// A copy, without what is too long ago.
    pub fn turned(&mut self, now: Instant) -> Self {
        if let Some(times) = &mut self.times {
            times.turn(now);
        }
        self.clone()
    }
}

/// Adds the samples of all shards of a broker.
pub fn sample<'a>(shards: impl Iterator<Item = &'a TransactionMeasures>, samples: &mut Samples) {
    let mut times: Option<Histogram<u32>> = None;
    for shard in shards {
        samples.add(UNKNOWN_DESTINATIONS, &[], count(shard.unknown_destinations as u64));
        samples.add(VERIFICATION_FAILURES, &[], count(shard.verifications.failures));
        let Some(lately) = shard.verifications.times.as_ref().map(Times::microseconds) else { continue };
        match &mut times {
            // All have the same precision.
            Some(times) => drop(times.add(&lately)),
            None => times = Some(lately),
        }
    }
    if let Some(times) = times {
        samples.add_quantiles(VERIFICATION_TIME, &[], &times, 1000.0);
    }
}
