//! What is counted of share groups' requests, and what it is shown as.

use klamm_protocol::StrBytes;
use klamm_share::session::ShareSessions;

use crate::{
    metrics::{
        families::{
            FAILED_SHARE_ACKNOWLEDGEMENT_REQUESTS, FAILED_SHARE_FETCH_REQUESTS, SHARE_ACKNOWLEDGED_RECORDS,
            SHARE_ACKNOWLEDGEMENT_REQUESTS, SHARE_FETCH_REQUESTS, SHARE_IN_FLIGHT_BATCHES,
            SHARE_IN_FLIGHT_MESSAGES, SHARE_LOCK_TIMEOUTS, SHARE_SESSION_EVICTIONS, SHARE_SESSION_PARTITIONS,
            SHARE_SESSIONS,
        },
        samples::{Samples, count, signed},
    },
    shard::requests::TopicPartition,
};

/// Kafka's names of the types of acknowledgements; a gap is not told of.
const TYPES: [(&str, usize); 4] = [("Accept", 1), ("Release", 2), ("Reject", 3), ("Renew", 4)];

/// Counts since the process started, of one shard.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShareCounts {
    /// Partitions that were fetched from.
    pub fetch_requests: u64,
    /// Of them, those that were refused.
    pub failed_fetch_requests: u64,
    /// Partitions with acknowledgements.
    pub acknowledge_requests: u64,
    /// Of them, those that were refused.
    pub failed_acknowledge_requests: u64,
    /// Records acknowledged, by type: gap, accept, release, reject, renew.
    pub acknowledged: [u64; 5],
    /// Times that locks ran out.
    pub lock_timeouts: u64,
}

/// What a share partition has in flight.
#[derive(Debug)]
pub struct InFlight {
    /// The partition.
    pub at: TopicPartition,
    /// The group.
    pub group: StrBytes,
    /// Offsets.
    pub records: i64,
    /// Batches.
    pub batches: usize,
}

/// What a shard tells of its share partitions.
#[derive(Debug)]
pub struct ShareMeasures {
    /// What was counted.
    pub counts: ShareCounts,
    /// Those that are loaded.
    pub in_flight: Vec<InFlight>,
}

impl ShareMeasures {
    /// Adds the samples of one shard.
    pub fn sample(&self, samples: &mut Samples) {
        let counts = &self.counts;
        samples.add(SHARE_FETCH_REQUESTS, &[], count(counts.fetch_requests));
        samples.add(FAILED_SHARE_FETCH_REQUESTS, &[], count(counts.failed_fetch_requests));
        samples.add(SHARE_ACKNOWLEDGEMENT_REQUESTS, &[], count(counts.acknowledge_requests));
        samples.add(FAILED_SHARE_ACKNOWLEDGEMENT_REQUESTS, &[], count(counts.failed_acknowledge_requests));
        samples.add(SHARE_LOCK_TIMEOUTS, &[], count(counts.lock_timeouts));
        for (name, place) in TYPES {
            let records = counts.acknowledged.get(place).copied().unwrap_or(0);
            samples.add(SHARE_ACKNOWLEDGED_RECORDS, &[("acktype", name)], count(records));
        }
        for share in &self.in_flight {
            let index = share.at.index.to_string();
            let labels =
                &[("group", &*share.group), ("topic", &*share.at.topic), ("partition", index.as_str())][..];
            samples.add(SHARE_IN_FLIGHT_MESSAGES, labels, signed(share.records));
            samples.add(SHARE_IN_FLIGHT_BATCHES, labels, count(share.batches as u64));
        }
    }
}

/// Adds the samples of a broker's share sessions.
pub fn sample_share_sessions(sessions: &ShareSessions, samples: &mut Samples) {
    samples.add(SHARE_SESSIONS, &[], count(sessions.len() as u64));
    samples.add(SHARE_SESSION_PARTITIONS, &[], count(sessions.partition_count() as u64));
    samples.add(SHARE_SESSION_EVICTIONS, &[], count(sessions.evictions()));
}
