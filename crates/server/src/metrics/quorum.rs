//! What the quorum's thread tells, and the controller's view of the cluster.

use std::time::Duration;

use hdrhistogram::Histogram;
use klamm_config::BrokerConfig;
use klamm_metadata::MetadataImage;

use super::{
    families::{
        ACTIVE_BROKER_COUNT, ACTIVE_CONTROLLER_COUNT, BROKER_IGNORED_STATIC_VOTERS,
        BROKER_REGISTRATION_STATE, BROKER_SILENCE, CONTROLLED_SHUTDOWN_BROKER_COUNT, CONTROLLER_IDLE,
        CONTROLLER_OPERATIONS, CONTROLLER_PROCESSING_TIME, CONTROLLER_QUEUE_TIME, CURRENT_CONTROLLER_ID,
        ELR_ELECTIONS, FENCED_BROKER_COUNT, FORWARDING_QUEUE, FORWARDING_QUEUE_P99, FORWARDING_QUEUE_P999,
        FORWARDING_REMOTE_P99, FORWARDING_REMOTE_P999, GLOBAL_PARTITION_COUNT, GLOBAL_TOPIC_COUNT,
        IGNORED_STATIC_VOTERS, LAST_APPLIED_RECORD_LAG, LAST_APPLIED_RECORD_OFFSET,
        LAST_APPLIED_RECORD_TIMESTAMP, LAST_COMMITTED_RECORD_OFFSET, LOADED_SNAPSHOTS,
        NEW_ACTIVE_CONTROLLERS, OFFLINE_PARTITIONS_COUNT, PREFERRED_REPLICA_IMBALANCE_COUNT,
        RAFT_APPEND_RATE, RAFT_COMMIT_AVG, RAFT_COMMIT_MAX, RAFT_ELECTION_AVG, RAFT_ELECTION_MAX, RAFT_EPOCH,
        RAFT_FETCH_RATE, RAFT_HIGH_WATERMARK, RAFT_IDLE, RAFT_LEADER, RAFT_LOG_END_EPOCH,
        RAFT_LOG_END_OFFSET, RAFT_OBSERVERS, RAFT_STATE, RAFT_VOTED, RAFT_VOTER_CHANGE, RAFT_VOTERS,
        SNAPSHOT_AGE, SNAPSHOT_BYTES, TIMED_OUT_HEARTBEATS, UNCLEAN_LEADER_ELECTIONS,
    },
    lately::Recent,
    measures::flag,
    samples::{Samples, count, signed},
};
use crate::metadata::Published;

/// What the quorum's thread tells.
#[derive(Debug)]
pub struct QuorumMeasures {
    /// The role of this node, as `Leader`.
    pub role: &'static str,
    /// Whether it is a voter.
    pub is_voter: bool,
    /// Who leads.
    pub leader: Option<i32>,
    /// The epoch.
    pub epoch: i32,
    /// Up to where the log is committed.
    pub high_watermark: Option<i64>,
    /// The next offset.
    pub log_end_offset: i64,
    /// Epoch of the last record.
    pub log_end_epoch: i32,
    /// How many voters there are.
    pub voters: usize,
    /// Whether this node is the active controller.
    pub is_active_controller: bool,
    /// Whom this node has voted for in this epoch.
    pub voted: Option<i32>,
    /// Who follows without a vote, on the leader.
    pub observers: usize,
    /// Whether a change of the voters is not committed.
    pub is_changing_voters: bool,
    /// Whether the configuration names voters that do not count.
    pub ignores_static_voters: bool,
    /// Size of the last snapshot that this node has written, 0 if there is none.
    pub snapshot_bytes: u64,
    /// How long ago that was, or the node's start if there is none.
    pub snapshot_age: Duration,
    /// What this node has counted since its start.
    pub counts: ControllerCounts,
    /// Requests of clients that another controller has not answered.
    pub forwarding: usize,
    /// For how long each broker has been silent, on the active controller.
    pub silences: Vec<(i32, Duration)>,
    /// Part of the last minute in which the thread had nothing to do.
    pub idle: f64,
    /// Records in a second that this node wrote lately as leader.
    pub append_rate: f64,
    /// The same as follower.
    pub fetch_rate: f64,
    /// How long it took lately until a record was committed.
    pub commits: Recent,
    /// How long elections took lately.
    pub elections: Recent,
    /// Microseconds that commands waited for the active controller's thread.
    pub command_waits: Option<Histogram<u32>>,
    /// Microseconds that it worked on them.
    pub commands: Option<Histogram<u32>>,
    /// Microseconds that clients' commands waited to be sent to another controller.
    pub forward_waits: Option<Histogram<u32>>,
    /// Microseconds until it has answered.
    pub forwards: Option<Histogram<u32>>,
}

/// What a controller counts.
#[derive(Debug, Clone, Copy, Default)]
pub struct ControllerCounts {
    /// Brokers that it has fenced for their silence.
    pub timed_out_heartbeats: u64,
    /// Leaders of the quorum that it has heard of.
    pub new_leaders: u64,
    /// Leaders of partitions that it has elected although they were not in sync.
    pub unclean_elections: u64,
    /// Leaders of partitions that it has elected from the eligible replicas.
    pub elr_elections: u64,
    /// Commands that it has worked on while it was active.
    pub operations: u64,
    /// Snapshots of the metadata that were loaded, at the start or from the quorum's leader.
    pub loaded_snapshots: u64,
}

impl QuorumMeasures {
    /// Adds what the quorum tells, and on a controller what the image says of the cluster.
    pub fn sample(&self, published: &Published, config: &BrokerConfig, wall_ms: i64, samples: &mut Samples) {
        let is_observer = !self.is_voter && self.role != "Leader";
        let state = if is_observer { "observer".to_owned() } else { self.role.to_lowercase() };
        self.sample_times(samples);
        samples.add(RAFT_STATE, &[("state", &state)], 1.0);
        samples.add(RAFT_LEADER, &[], f64::from(self.leader.unwrap_or(-1)));
        samples.add(RAFT_EPOCH, &[], f64::from(self.epoch));
        samples.add(RAFT_HIGH_WATERMARK, &[], signed(self.high_watermark.unwrap_or(-1)));
        samples.add(RAFT_LOG_END_OFFSET, &[], signed(self.log_end_offset));
        samples.add(RAFT_LOG_END_EPOCH, &[], f64::from(self.log_end_epoch));
        samples.add(RAFT_VOTERS, &[], count(self.voters as u64));
        samples.add(RAFT_VOTED, &[], f64::from(self.voted.unwrap_or(-1)));
        samples.add(RAFT_OBSERVERS, &[], count(self.observers as u64));
        samples.add(RAFT_VOTER_CHANGE, &[], flag(self.is_changing_voters));
        samples.add(CURRENT_CONTROLLER_ID, &[], f64::from(self.leader.unwrap_or(-1)));
        samples.add(LOADED_SNAPSHOTS, &[], count(self.counts.loaded_snapshots));
        samples.add(SNAPSHOT_BYTES, &[], count(self.snapshot_bytes));
        samples.add(SNAPSHOT_AGE, &[], self.snapshot_age.as_millis() as f64);
        if config.is_broker() {
            self.sample_forwarding(samples);
            samples.add(BROKER_IGNORED_STATIC_VOTERS, &[], flag(self.ignores_static_voters));
        }
        if config.is_controller() {
            samples.add(ACTIVE_CONTROLLER_COUNT, &[], flag(self.is_active_controller));
            samples.add(LAST_COMMITTED_RECORD_OFFSET, &[], signed(self.high_watermark.unwrap_or(0) - 1));
            samples.add(LAST_APPLIED_RECORD_OFFSET, &[], signed(published.provenance.last_offset));
            self.sample_controller(published, wall_ms, samples);
            sample_cluster(&published.image, samples);
        }
    }

    fn sample_times(&self, samples: &mut Samples) {
        for (avg, max, recent) in [
            (RAFT_COMMIT_AVG, RAFT_COMMIT_MAX, self.commits),
            (RAFT_ELECTION_AVG, RAFT_ELECTION_MAX, self.elections),
        ] {
            samples.add(avg, &[], recent.mean().as_secs_f64() * 1000.0);
            samples.add(max, &[], recent.max.as_secs_f64() * 1000.0);
        }
        samples.add(RAFT_APPEND_RATE, &[], self.append_rate);
        samples.add(RAFT_FETCH_RATE, &[], self.fetch_rate);
        samples.add(RAFT_IDLE, &[], self.idle);
    }

    fn sample_forwarding(&self, samples: &mut Samples) {
        samples.add(FORWARDING_QUEUE, &[], count(self.forwarding as u64));
        for (p99, p999, times) in [
            (FORWARDING_QUEUE_P99, FORWARDING_QUEUE_P999, &self.forward_waits),
            (FORWARDING_REMOTE_P99, FORWARDING_REMOTE_P999, &self.forwards),
        ] {
            let Some(times) = times else { continue };
            samples.add(p99, &[], count(times.value_at_quantile(0.99)) / 1000.0);
            samples.add(p999, &[], count(times.value_at_quantile(0.999)) / 1000.0);
        }
    }

    fn sample_controller(&self, published: &Published, wall_ms: i64, samples: &mut Samples) {
        let applied_ms = published.provenance.last_timestamp_ms;
        samples.add(LAST_APPLIED_RECORD_TIMESTAMP, &[], signed(applied_ms));
        samples.add(LAST_APPLIED_RECORD_LAG, &[], signed(wall_ms - applied_ms));
        samples.add(IGNORED_STATIC_VOTERS, &[], flag(self.ignores_static_voters));
        samples.add(CONTROLLER_OPERATIONS, &[], count(self.counts.operations));
        samples.add(CONTROLLER_IDLE, &[], self.idle);
        for (family, times) in
            [(CONTROLLER_QUEUE_TIME, &self.command_waits), (CONTROLLER_PROCESSING_TIME, &self.commands)]
        {
            if let Some(times) = times {
                samples.add_quantiles(family, &[], times, 1000.0);
            }
        }
        samples.add(TIMED_OUT_HEARTBEATS, &[], count(self.counts.timed_out_heartbeats));
        samples.add(NEW_ACTIVE_CONTROLLERS, &[], count(self.counts.new_leaders));
        samples.add(UNCLEAN_LEADER_ELECTIONS, &[], count(self.counts.unclean_elections));
        samples.add(ELR_ELECTIONS, &[], count(self.counts.elr_elections));
        for (id, silence) in &self.silences {
            samples.add(BROKER_SILENCE, &[("broker", &id.to_string())], silence.as_millis() as f64);
        }
    }
}

/// The controller's view of the cluster.
fn sample_cluster(image: &MetadataImage, samples: &mut Samples) {
    let fenced = image.cluster.brokers.values().filter(|broker| broker.fenced).count() as u64;
    samples.add(FENCED_BROKER_COUNT, &[], count(fenced));
    samples.add(ACTIVE_BROKER_COUNT, &[], count(image.cluster.brokers.size() as u64 - fenced));
    let leaving = image.cluster.brokers.values().filter(|broker| broker.in_controlled_shutdown);
    samples.add(CONTROLLED_SHUTDOWN_BROKER_COUNT, &[], count(leaving.count() as u64));
    for broker in image.cluster.brokers.values() {
        let state = match (broker.fenced, broker.in_controlled_shutdown) {
            (true, _) => 10.0,
            (false, true) => 20.0,
            (false, false) => 30.0,
        };
        samples.add(BROKER_REGISTRATION_STATE, &[("broker", &broker.id.to_string())], state);
    }
    samples.add(GLOBAL_TOPIC_COUNT, &[], count(image.topics.len() as u64));
    let (mut partitions, mut offline, mut imbalanced) = (0_u64, 0_u64, 0_u64);
    for partition in image.topics.iter().flat_map(|topic| topic.partitions.values()) {
        partitions += 1;
        offline += u64::from(!partition.has_leader());
        imbalanced += u64::from(partition.leader != partition.preferred_replica());
    }
    samples.add(GLOBAL_PARTITION_COUNT, &[], count(partitions));
    samples.add(OFFLINE_PARTITIONS_COUNT, &[], count(offline));
    samples.add(PREFERRED_REPLICA_IMBALANCE_COUNT, &[], count(imbalanced));
}
