//! How many requests of each API a shard has answered, and how long that took.

use std::{cell::RefCell, collections::BTreeMap};

use hdrhistogram::Histogram;
use klamm_io::Instant;
use klamm_protocol::ApiKey;

use super::lately::Times;

/// A request on its way through the node.
#[derive(Debug, Clone, Copy)]
pub struct Begun {
    /// The API's key; it may be none that is known.
    pub api_key: i16,
    /// The version that the client chose.
    pub version: i16,
    /// When its last byte was there.
    pub at: Instant,
}

/// The requests of one shard.
#[derive(Debug, Default)]
pub struct Requests(RefCell<BTreeMap<i16, OfApi>>);

/// The requests of one API.
#[derive(Debug, Clone)]
pub struct OfApi {
    /// How many were answered, by version.
    pub versions: BTreeMap<i16, u64>,
    times: Times,
}

impl OfApi {
    fn new(now: Instant) -> Option<Self> {
        Some(Self { versions: BTreeMap::new(), times: Times::new(now)? })
    }

    /// Microseconds that requests took lately.
    pub fn latencies(&self) -> Histogram<u32> {
        self.times.microseconds()
    }

    /// Adds what another shard has counted.
    pub fn add(&mut self, other: &Self) {
        for (version, count) in &other.versions {
            *self.versions.entry(*version).or_default() += count;
        }
        self.times.add(&other.times);
    }
}

impl Requests {
    /// Counts a request whose response has been written.
    pub fn answered(&self, begun: Begun, now: Instant) {
        if ApiKey::try_from(begun.api_key).is_err() {
            return;
        }
        let mut apis = self.0.borrow_mut();
        let Some(api) = (match apis.entry(begun.api_key) {
            std::collections::btree_map::Entry::Occupied(known) => Some(known.into_mut()),
            std::collections::btree_map::Entry::Vacant(new) => OfApi::new(now).map(|api| new.insert(api)),
        }) else {
            return;
        };
        *api.versions.entry(begun.version).or_default() += 1;
        api.times.note(now, now.saturating_since(begun.at));
    }

    /// A copy of what was counted.
    pub fn measure(&self, now: Instant) -> BTreeMap<i16, OfApi> {
        let mut apis = self.0.borrow_mut();
        apis.values_mut().for_each(|api| api.times.turn(now));
        apis.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_start(Duration::from_secs(seconds))
    }

    #[test]
    fn latencies_are_those_of_the_last_minutes() {
        let requests = Requests::default();
        let answer = |from, to| requests.answered(Begun { api_key: 1, version: 13, at: at(from) }, at(to));
        answer(0, 10);
        answer(50, 51);
        let slowest =
            |now| requests.measure(at(now)).remove(&1).unwrap().latencies().max().div_ceil(1_000_000);
        assert_eq!(slowest(55), 11, "two digits of ten seconds, rounded up");
        answer(75, 76);
        assert_eq!(slowest(80), 11, "the period before still counts");
        assert_eq!(slowest(140), 2, "one second, two periods later");
        assert_eq!(slowest(1000), 0);
        assert_eq!(requests.measure(at(1000)).remove(&1).unwrap().versions, BTreeMap::from([(13, 3)]));
    }

    #[test]
    fn keys_that_are_no_api_are_not_counted() {
        let requests = Requests::default();
        requests.answered(Begun { api_key: 999, version: 0, at: at(0) }, at(1));
        assert!(requests.measure(at(1)).is_empty());
    }
}
