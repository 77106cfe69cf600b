//! What is counted of share groups' requests, and what it is shown as.

use std::collections::BTreeMap;

use klamm_protocol::StrBytes;
use klamm_share::{BreakerState, session::ShareSessions};

use crate::{
    metrics::{
        families::{
            DEAD_LETTER_QUEUE_DROPPED, DEAD_LETTER_QUEUE_FAILED_REQUESTS, DEAD_LETTER_QUEUE_RECORDS,
            DEAD_LETTER_QUEUE_REQUESTS, FAILED_SHARE_ACKNOWLEDGEMENT_REQUESTS, FAILED_SHARE_FETCH_REQUESTS,
            SHARE_ACKNOWLEDGED_RECORDS, SHARE_ACKNOWLEDGEMENT_REQUESTS, SHARE_BREAKER_OPENINGS,
            SHARE_BREAKER_STATE, SHARE_DEAD_LETTERS_BLOCKED, SHARE_DEAD_LETTERS_PENDING,
            SHARE_FETCH_REQUESTS, SHARE_IN_FLIGHT_BATCHES, SHARE_IN_FLIGHT_MESSAGES, SHARE_LOCK_TIMEOUTS,
            SHARE_SESSION_EVICTIONS, SHARE_SESSION_PARTITIONS, SHARE_SESSIONS,
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
    /// Of each group that has given records up since it has a dead-letter queue.
    pub queues: BTreeMap<StrBytes, QueueCounts>,
}

impl ShareCounts {
    /// Those of a group's dead-letter queue.
    pub fn of_queue(&mut self, group: &StrBytes) -> &mut QueueCounts {
        // Names outlive the request that they came in.
        self.queues.entry(group.detached()).or_default()
    }
}

/// Counts of a group's dead-letter queue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueueCounts {
    /// Records that it got.
    pub records: u64,
    /// Batches that were sent there.
    pub requests: u64,
    /// Attempts that failed, also before anything could be sent.
    pub failed_requests: u64,
    /// Records that were given up and not copied, since the group had no queue any more.
    pub dropped: u64,
    /// Times that a circuit breaker opened.
    pub breaker_openings: u64,
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
    /// Records on their way to the dead-letter queue.
    pub dead_letters: u64,
    /// Whether they do not get there.
    pub is_blocked: bool,
    /// The circuit breaker.
    pub breaker: BreakerState,
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
        for (group, queue) in &counts.queues {
            let labels = &[("group", &**group)][..];
            samples.add(DEAD_LETTER_QUEUE_RECORDS, labels, count(queue.records));
            samples.add(DEAD_LETTER_QUEUE_REQUESTS, labels, count(queue.requests));
            samples.add(DEAD_LETTER_QUEUE_FAILED_REQUESTS, labels, count(queue.failed_requests));
            samples.add(DEAD_LETTER_QUEUE_DROPPED, labels, count(queue.dropped));
            samples.add(SHARE_BREAKER_OPENINGS, labels, count(queue.breaker_openings));
        }
        for share in &self.in_flight {
            let index = share.at.index.to_string();
            let labels =
                &[("group", &*share.group), ("topic", &*share.at.topic), ("partition", index.as_str())][..];
            samples.add(SHARE_IN_FLIGHT_MESSAGES, labels, signed(share.records));
            samples.add(SHARE_IN_FLIGHT_BATCHES, labels, count(share.batches as u64));
            samples.add(SHARE_DEAD_LETTERS_PENDING, labels, count(share.dead_letters));
            samples.add(SHARE_DEAD_LETTERS_BLOCKED, labels, count(share.is_blocked.into()));
            let breaker = match share.breaker {
                BreakerState::Closed => 0,
                BreakerState::HalfOpen => 1,
                BreakerState::Open => 2,
            };
            samples.add(SHARE_BREAKER_STATE, labels, count(breaker));
        }
    }
}

/// Adds the samples of a broker's share sessions.
pub fn sample_share_sessions(sessions: &ShareSessions, samples: &mut Samples) {
    samples.add(SHARE_SESSIONS, &[], count(sessions.len() as u64));
    samples.add(SHARE_SESSION_PARTITIONS, &[], count(sessions.partition_count() as u64));
    samples.add(SHARE_SESSION_EVICTIONS, &[], count(sessions.evictions()));
}
