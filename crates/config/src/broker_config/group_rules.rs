//! What has to hold between keys of groups.

use super::BrokerConfig;
use super::rules::Broken;
use crate::assignors::{self, ServerAssignor};
use crate::broker::*;
use crate::key::Key;

/// A value with its bounds: keys of the least, the greatest and the value itself.
type Bounded = (&'static Key<i32>, &'static Key<i32>, &'static Key<i32>);

static GROUP_BOUNDS: [Bounded; 12] = [
    (
        &GROUP_CONSUMER_MIN_HEARTBEAT_INTERVAL_MS,
        &GROUP_CONSUMER_MAX_HEARTBEAT_INTERVAL_MS,
        &GROUP_CONSUMER_HEARTBEAT_INTERVAL_MS,
    ),
    (
        &GROUP_CONSUMER_MIN_SESSION_TIMEOUT_MS,
        &GROUP_CONSUMER_MAX_SESSION_TIMEOUT_MS,
        &GROUP_CONSUMER_SESSION_TIMEOUT_MS,
    ),
    (
        &GROUP_CONSUMER_MIN_ASSIGNMENT_INTERVAL_MS,
        &GROUP_CONSUMER_MAX_ASSIGNMENT_INTERVAL_MS,
        &GROUP_CONSUMER_ASSIGNMENT_INTERVAL_MS,
    ),
    (
        &GROUP_SHARE_MIN_HEARTBEAT_INTERVAL_MS,
        &GROUP_SHARE_MAX_HEARTBEAT_INTERVAL_MS,
        &GROUP_SHARE_HEARTBEAT_INTERVAL_MS,
    ),
    (
        &GROUP_SHARE_MIN_SESSION_TIMEOUT_MS,
        &GROUP_SHARE_MAX_SESSION_TIMEOUT_MS,
        &GROUP_SHARE_SESSION_TIMEOUT_MS,
    ),
    (
        &GROUP_SHARE_MIN_ASSIGNMENT_INTERVAL_MS,
        &GROUP_SHARE_MAX_ASSIGNMENT_INTERVAL_MS,
        &GROUP_SHARE_ASSIGNMENT_INTERVAL_MS,
    ),
    (
        &GROUP_SHARE_MIN_RECORD_LOCK_DURATION_MS,
        &GROUP_SHARE_MAX_RECORD_LOCK_DURATION_MS,
        &GROUP_SHARE_RECORD_LOCK_DURATION_MS,
    ),
    (
        &GROUP_SHARE_MIN_DELIVERY_COUNT_LIMIT,
        &GROUP_SHARE_MAX_DELIVERY_COUNT_LIMIT,
        &GROUP_SHARE_DELIVERY_COUNT_LIMIT,
    ),
    (
        &GROUP_SHARE_MIN_PARTITION_MAX_RECORD_LOCKS,
        &GROUP_SHARE_MAX_PARTITION_MAX_RECORD_LOCKS,
        &GROUP_SHARE_PARTITION_MAX_RECORD_LOCKS,
    ),
    (
        &GROUP_STREAMS_MIN_HEARTBEAT_INTERVAL_MS,
        &GROUP_STREAMS_MAX_HEARTBEAT_INTERVAL_MS,
        &GROUP_STREAMS_HEARTBEAT_INTERVAL_MS,
    ),
    (
        &GROUP_STREAMS_MIN_SESSION_TIMEOUT_MS,
        &GROUP_STREAMS_MAX_SESSION_TIMEOUT_MS,
        &GROUP_STREAMS_SESSION_TIMEOUT_MS,
    ),
    (
        &GROUP_STREAMS_MIN_ASSIGNMENT_INTERVAL_MS,
        &GROUP_STREAMS_MAX_ASSIGNMENT_INTERVAL_MS,
        &GROUP_STREAMS_ASSIGNMENT_INTERVAL_MS,
    ),
];

/// Heartbeats have to come more often than sessions end.
static GROUP_SESSIONS: [(&Key<i32>, &Key<i32>); 3] = [
    (&GROUP_CONSUMER_HEARTBEAT_INTERVAL_MS, &GROUP_CONSUMER_SESSION_TIMEOUT_MS),
    (&GROUP_SHARE_HEARTBEAT_INTERVAL_MS, &GROUP_SHARE_SESSION_TIMEOUT_MS),
    (&GROUP_STREAMS_HEARTBEAT_INTERVAL_MS, &GROUP_STREAMS_SESSION_TIMEOUT_MS),
];

/// Bounds of groups' keys, and what else has to hold between them.
pub(super) fn check(config: &BrokerConfig, broken: &mut Broken) {
    for (min_key, max_key, key) in GROUP_BOUNDS {
        let (min, max, value) = (config.get(min_key), config.get(max_key), config.get(key));
        broken.unless(min <= max, || {
            format!(
                "{} must be greater than or equal to {} ({min}), yet it is {max}",
                max_key.name(),
                min_key.name()
            )
        });
        broken.unless(value >= min, || {
            format!(
                "{} must be greater than or equal to {} ({min}), yet it is {value}",
                key.name(),
                min_key.name()
            )
        });
        broken.unless(value <= max, || {
            format!(
                "{} must be less than or equal to {} ({max}), yet it is {value}",
                key.name(),
                max_key.name()
            )
        });
    }
    for (heartbeat_key, session_key) in GROUP_SESSIONS {
        let (heartbeat, session) = (config.get(heartbeat_key), config.get(session_key));
        broken.unless(heartbeat < session, || {
            format!(
                "{} must be less than {} ({session}), yet it is {heartbeat}",
                heartbeat_key.name(),
                session_key.name()
            )
        });
    }
    let (standby, most) =
        (config.get(&GROUP_STREAMS_NUM_STANDBY_REPLICAS), config.get(&GROUP_STREAMS_MAX_STANDBY_REPLICAS));
    broken.unless(standby <= most, || {
        format!("group.streams.num.standby.replicas must be less than or equal to group.streams.max.standby.replicas ({most}), yet it \
                 is {standby}")
    });
    known_assignors(config, broken, &GROUP_CONSUMER_ASSIGNORS, assignors::CONSUMER);
    known_assignors(config, broken, &GROUP_SHARE_ASSIGNORS, assignors::SHARE);
    let share = config.get(&GROUP_SHARE_ASSIGNORS).len();
    broken.unless(share == 1, || {
        format!("group.share.assignors must contain exactly one assignor, but found {share}")
    });
    let protocols = config.get(&GROUP_COORDINATOR_REBALANCE_PROTOCOLS);
    broken.unless(protocols.iter().any(|p| p == "classic"), || {
        format!(
            "group.coordinator.rebalance.protocols must contain classic, which cannot be disabled, yet it is {}",
            protocols.join(",")
        )
    });
    for key in [&OFFSETS_TOPIC_COMPRESSION_CODEC, &SHARE_COORDINATOR_STATE_TOPIC_COMPRESSION_CODEC] {
        let codec = config.get(key);
        broken.unless((0..=4).contains(&codec), || {
            format!(
                "Invalid value {codec} for configuration {}: must be a codec's number, 0 to 4",
                key.name()
            )
        });
    }
}

/// Groups would get another assignor than their owner has chosen.
fn known_assignors(
    config: &BrokerConfig,
    broken: &mut Broken,
    key: &Key<Vec<String>>,
    known: &[ServerAssignor],
) {
    for name in config.get(key) {
        broken.unless(assignors::find(known, &name).is_some(), || {
            let known: Vec<&str> = known.iter().map(|assignor| assignor.name).collect();
            format!("{} names {name}, which Klamm cannot load: it has {}", key.name(), known.join(", "))
        });
    }
}
