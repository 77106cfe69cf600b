//! What shards tell of their part in the replication: fetchers, what waits for replicas or records, log directories that
//! the controller does not know yet.

use std::cell::Cell;

use super::{
    families::{
        DELAYED_OPERATIONS, EXPIRED_DELETIONS, EXPIRED_FETCHES, EXPIRED_PRODUCES, FETCH_SESSION_EVICTIONS,
        FETCH_SESSION_PARTITIONS, FETCH_SESSIONS, FETCHER_BYTES, FETCHER_DEAD, FETCHER_FAILED_PARTITIONS,
        FETCHER_MAX_LAG, FETCHER_MIN_RATE, FETCHER_REQUESTS, MOVE_MAX_LAG, PURGATORY_SIZE,
        QUEUED_DIRECTORIES, REASSIGNMENT_BYTES_IN, REASSIGNMENT_BYTES_OUT,
    },
    measures::ShardMeasures,
    samples::{Samples, count, signed},
};
use crate::node::Node;

/// What a shard tells.
#[derive(Debug, Default)]
pub struct ReplicationMeasures {
    /// Its fetchers.
    pub fetchers: Vec<FetcherMeasures>,
    /// Replicas of which the controller does not know the log directory.
    pub untold_directories: usize,
    /// Produces that wait for replicas.
    pub produces: WaitCounts,
    /// DeleteRecords that wait for replicas.
    pub deletions: WaitCounts,
    /// Partitions for which produces have waited in vain.
    pub expired_produces: u64,
    /// The same of deletions.
    pub expired_deletions: u64,
    /// Fetches.
    pub fetches: FetchCounts,
    /// Bytes that came as partitions are moved here.
    pub reassignment_bytes_in: u64,
    /// Bytes that went as partitions are moved to others.
    pub reassignment_bytes_out: u64,
}

/// What a fetcher tells.
#[derive(Debug)]
pub struct FetcherMeasures {
    /// Whom it fetches from.
    pub leader: i32,
    /// Its number among those that fetch from this leader.
    pub number: u64,
    /// Where the leader listens, once it was connected to.
    pub address: Option<(String, u16)>,
    /// Fetches sent.
    pub requests: u64,
    /// The same in a second of the last minute.
    pub requests_per_second: f64,
    /// Bytes of batches that came.
    pub bytes: u64,
    /// Whether a defect has ended it, though there are partitions to fetch.
    pub is_dead: bool,
}

/// Requests that wait.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WaitCounts {
    /// How many.
    pub waiting: usize,
    /// For how many partitions.
    pub watches: usize,
}

impl WaitCounts {
    const fn and(self, other: Self) -> Self {
        Self { waiting: self.waiting + other.waiting, watches: self.watches + other.watches }
    }
}

/// Fetches that wait for records, and have waited in vain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FetchCounts {
    waits: WaitCounts,
    expired_followers: u64,
    expired_consumers: u64,
}

/// Counts the fetches of a shard's connections.
#[derive(Debug, Default)]
pub struct FetchWaits(Cell<FetchCounts>);

/// A fetch waits for as long as this lives.
#[derive(Debug)]
pub struct FetchWait<'a> {
    of: &'a FetchWaits,
    partitions: usize,
}

impl FetchWaits {
    /// What was counted.
    pub const fn get(&self) -> FetchCounts {
        self.0.get()
    }

    /// A fetch of so many partitions begins to wait.
    pub fn wait(&self, partitions: usize) -> FetchWait<'_> {
        let counts = self.0.get();
        let waits = counts.waits.and(WaitCounts { waiting: 1, watches: partitions });
        self.0.set(FetchCounts { waits, ..counts });
        FetchWait { of: self, partitions }
    }
}

impl FetchWait<'_> {
    /// It waits no more: `is_late` if too little has come in time.
    pub fn end(self, is_late: bool, is_follower: bool) {
        let counts = self.of.0.get();
        self.of.0.set(FetchCounts {
            expired_followers: counts.expired_followers + u64::from(is_late && is_follower),
            expired_consumers: counts.expired_consumers + u64::from(is_late && !is_follower),
            ..counts
        });
    }
}

impl Drop for FetchWait<'_> {
    fn drop(&mut self) {
        let FetchCounts { waits, .. } = self.of.0.get();
        let waits = WaitCounts { waiting: waits.waiting - 1, watches: waits.watches - self.partitions };
        self.of.0.set(FetchCounts { waits, ..self.of.0.get() });
    }
}

/// The client id of a fetcher, as Kafka makes it.
pub(super) fn fetcher_name(number: u64, leader: i32) -> String {
    format!("ReplicaFetcherThread-{number}-{leader}")
}

/// Adds the samples of all shards of a broker.
pub fn sample(shards: &[ShardMeasures], node: &Node, samples: &mut Samples) {
    let all = || shards.iter().map(|shard| &shard.replication);
    sample_fetchers(shards, samples);
    samples.add(QUEUED_DIRECTORIES, &[], count(all().map(|one| one.untold_directories as u64).sum()));
    for shard in all() {
        samples.add(REASSIGNMENT_BYTES_IN, &[], count(shard.reassignment_bytes_in));
        samples.add(REASSIGNMENT_BYTES_OUT, &[], count(shard.reassignment_bytes_out));
        samples.add(EXPIRED_PRODUCES, &[], count(shard.expired_produces));
        samples.add(EXPIRED_DELETIONS, &[], count(shard.expired_deletions));
        let fetches = shard.fetches;
        samples.add(EXPIRED_FETCHES, &[("fetchertype", "follower")], count(fetches.expired_followers));
        samples.add(EXPIRED_FETCHES, &[("fetchertype", "consumer")], count(fetches.expired_consumers));
        let waits =
            [("Produce", shard.produces), ("DeleteRecords", shard.deletions), ("Fetch", fetches.waits)];
        for (operation, waits) in waits {
            let labels = &[("delayedoperation", operation)];
            samples.add(DELAYED_OPERATIONS, labels, count(waits.waiting as u64));
            samples.add(PURGATORY_SIZE, labels, count(waits.watches as u64));
        }
    }
    let sessions = node.sessions();
    samples.add(FETCH_SESSIONS, &[], count(sessions.len() as u64));
    samples.add(FETCH_SESSION_PARTITIONS, &[], count(sessions.partitions_count() as u64));
    samples.add(FETCH_SESSION_EVICTIONS, &[], count(sessions.evictions()));
}

fn sample_fetchers(shards: &[ShardMeasures], samples: &mut Samples) {
    let partitions = || shards.iter().flat_map(|shard| &shard.partitions);
    let followed = || partitions().filter_map(|one| one.followed.as_ref());
    let of_all = &[("clientid", "Replica")];
    samples.add(FETCHER_MAX_LAG, of_all, signed(followed().map(|one| one.lag).max().unwrap_or(0)));
    let failed = followed().filter(|one| one.has_failed).count();
    samples.add(FETCHER_FAILED_PARTITIONS, of_all, count(failed as u64));
    let copies = partitions().filter_map(|one| one.copy_lag);
    samples.add(MOVE_MAX_LAG, &[("clientid", "ReplicaAlterLogDirs")], signed(copies.max().unwrap_or(0)));
    let fetchers = || shards.iter().flat_map(|shard| &shard.replication.fetchers);
    let slowest = fetchers().map(|one| one.requests_per_second).min_by(f64::total_cmp);
    samples.add(FETCHER_DEAD, of_all, count(fetchers().filter(|one| one.is_dead).count() as u64));
    samples.add(FETCHER_MIN_RATE, of_all, slowest.unwrap_or(0.0));
    for fetcher in fetchers() {
        let Some((host, port)) = &fetcher.address else { continue };
        let (name, port) = (fetcher_name(fetcher.number, fetcher.leader), port.to_string());
        let labels = &[("clientid", &*name), ("brokerhost", host), ("brokerport", &port)];
        samples.add(FETCHER_REQUESTS, labels, count(fetcher.requests));
        samples.add(FETCHER_BYTES, labels, count(fetcher.bytes));
    }
}
