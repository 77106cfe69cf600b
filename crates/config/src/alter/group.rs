//! What has to hold for the keys of a group.

use std::collections::BTreeMap;

use super::Refusal;
use crate::broker;
use crate::broker_config::BrokerConfig;
use crate::group;
use crate::key::Key;
use crate::table::{self};
use crate::topic_config::broker_value;
use crate::value::Value;

/// The longest name of a topic, in bytes.
const TOPIC_NAME_MAX: usize = 249;

/// A group's key with the broker's keys that bound it.
struct Bounds {
    key: &'static Key<i32>,
    min: Option<&'static Key<i32>>,
    max: &'static Key<i32>,
    /// Whether the broker's own default need not lie within.
    own_only: bool,
}

const fn bounds(key: &'static Key<i32>, min: &'static Key<i32>, max: &'static Key<i32>) -> Bounds {
    Bounds { key, min: Some(min), max, own_only: false }
}

const fn own(mut bounds: Bounds) -> Bounds {
    bounds.own_only = true;
    bounds
}

static BOUNDS: &[Bounds] = &[
    bounds(
        &group::CONSUMER_HEARTBEAT_INTERVAL_MS,
        &broker::GROUP_CONSUMER_MIN_HEARTBEAT_INTERVAL_MS,
        &broker::GROUP_CONSUMER_MAX_HEARTBEAT_INTERVAL_MS,
    ),
    bounds(
        &group::CONSUMER_SESSION_TIMEOUT_MS,
        &broker::GROUP_CONSUMER_MIN_SESSION_TIMEOUT_MS,
        &broker::GROUP_CONSUMER_MAX_SESSION_TIMEOUT_MS,
    ),
    own(bounds(
        &group::CONSUMER_ASSIGNMENT_INTERVAL_MS,
        &broker::GROUP_CONSUMER_MIN_ASSIGNMENT_INTERVAL_MS,
        &broker::GROUP_CONSUMER_MAX_ASSIGNMENT_INTERVAL_MS,
    )),
    bounds(
        &group::SHARE_HEARTBEAT_INTERVAL_MS,
        &broker::GROUP_SHARE_MIN_HEARTBEAT_INTERVAL_MS,
        &broker::GROUP_SHARE_MAX_HEARTBEAT_INTERVAL_MS,
    ),
    bounds(
        &group::SHARE_SESSION_TIMEOUT_MS,
        &broker::GROUP_SHARE_MIN_SESSION_TIMEOUT_MS,
        &broker::GROUP_SHARE_MAX_SESSION_TIMEOUT_MS,
    ),
    bounds(
        &group::SHARE_RECORD_LOCK_DURATION_MS,
        &broker::GROUP_SHARE_MIN_RECORD_LOCK_DURATION_MS,
        &broker::GROUP_SHARE_MAX_RECORD_LOCK_DURATION_MS,
    ),
    bounds(
        &group::SHARE_DELIVERY_COUNT_LIMIT,
        &broker::GROUP_SHARE_MIN_DELIVERY_COUNT_LIMIT,
        &broker::GROUP_SHARE_MAX_DELIVERY_COUNT_LIMIT,
    ),
    bounds(
        &group::SHARE_PARTITION_MAX_RECORD_LOCKS,
        &broker::GROUP_SHARE_MIN_PARTITION_MAX_RECORD_LOCKS,
        &broker::GROUP_SHARE_MAX_PARTITION_MAX_RECORD_LOCKS,
    ),
    own(bounds(
        &group::SHARE_ASSIGNMENT_INTERVAL_MS,
        &broker::GROUP_SHARE_MIN_ASSIGNMENT_INTERVAL_MS,
        &broker::GROUP_SHARE_MAX_ASSIGNMENT_INTERVAL_MS,
    )),
    bounds(
        &group::STREAMS_HEARTBEAT_INTERVAL_MS,
        &broker::GROUP_STREAMS_MIN_HEARTBEAT_INTERVAL_MS,
        &broker::GROUP_STREAMS_MAX_HEARTBEAT_INTERVAL_MS,
    ),
    bounds(
        &group::STREAMS_SESSION_TIMEOUT_MS,
        &broker::GROUP_STREAMS_MIN_SESSION_TIMEOUT_MS,
        &broker::GROUP_STREAMS_MAX_SESSION_TIMEOUT_MS,
    ),
    Bounds {
        key: &group::STREAMS_NUM_STANDBY_REPLICAS,
        min: None,
        max: &broker::GROUP_STREAMS_MAX_STANDBY_REPLICAS,
        own_only: false,
    },
    own(bounds(
        &group::STREAMS_ASSIGNMENT_INTERVAL_MS,
        &broker::GROUP_STREAMS_MIN_ASSIGNMENT_INTERVAL_MS,
        &broker::GROUP_STREAMS_MAX_ASSIGNMENT_INTERVAL_MS,
    )),
];

/// Sessions have to outlast heartbeats.
static SESSIONS: [(&Key<i32>, &Key<i32>); 3] = [
    (&group::CONSUMER_SESSION_TIMEOUT_MS, &group::CONSUMER_HEARTBEAT_INTERVAL_MS),
    (&group::SHARE_SESSION_TIMEOUT_MS, &group::SHARE_HEARTBEAT_INTERVAL_MS),
    (&group::STREAMS_SESSION_TIMEOUT_MS, &group::STREAMS_HEARTBEAT_INTERVAL_MS),
];

/// Checks a group's keys. The texts are Kafka's to the letter, and hence without the values: its tests compare them whole.
pub fn check(config: &BrokerConfig, new: &BTreeMap<String, String>) -> Result<(), Refusal> {
    let mut values: BTreeMap<&str, Value> =
        table::GROUP.iter().map(|def| (def.name, broker_value(config, def))).collect();
    for (name, text) in new {
        let Some(def) = table::GROUP.find(name) else {
            return Err(Refusal::InvalidConfig(format!("Unknown group config name: {name}")));
        };
        values.insert(def.name, def.parse(text)?);
    }
    let value = |key: &Key<i32>| match values.get(key.def.name) {
        Some(Value::Int(n)) => *n,
        _ => 0,
    };
    for Bounds { key, min, max, own_only } in BOUNDS {
        if *own_only && !new.contains_key(key.def.name) {
            continue;
        }
        let value = value(key);
        if let Some(min) = min.filter(|min| value < config.get(min)) {
            return refuse(format!("{} must be greater than or equal to {}", key.name(), min.name()));
        }
        if value > config.get(max) {
            return refuse(format!("{} must be less than or equal to {}", key.name(), max.name()));
        }
    }
    for (session, heartbeat) in SESSIONS {
        if value(session) <= value(heartbeat) {
            return refuse(format!("{} must be greater than {}", session.name(), heartbeat.name()));
        }
    }
    check_dead_letter_queue(new, &value)
}

/// Checks what Kafka 4.3 does not have, and hence with texts of our own.
fn check_dead_letter_queue(
    new: &BTreeMap<String, String>,
    value: &impl Fn(&Key<i32>) -> i32,
) -> Result<(), Refusal> {
    let topic_key = group::ERRORS_DEADLETTERQUEUE_TOPIC_NAME.name();
    let topic = new.get(topic_key).map_or("", |name| name.as_str());
    if topic.starts_with("__") {
        return refuse(format!(
            "Invalid value {topic} for configuration {topic_key}: topics that begin with __ are Kafka's own; name one that \
             begins with errors.deadletterqueue.topic.name.prefix of the brokers"
        ));
    }
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if topic.len() > TOPIC_NAME_MAX || matches!(topic, "." | "..") || !topic.bytes().all(is_legal) {
        return refuse(format!(
            "Invalid value {topic} for configuration {topic_key}: no topic can have this name; it may have up to \
             {TOPIC_NAME_MAX} letters, digits, dots, underscores and hyphens"
        ));
    }
    let first_key = &group::KLAMM_ERRORS_DEADLETTERQUEUE_RETRY_BACKOFF_MS;
    let max_key = &group::KLAMM_ERRORS_DEADLETTERQUEUE_RETRY_BACKOFF_MAX_MS;
    let (first, max) = (value(first_key), value(max_key));
    if first > max {
        return refuse(format!(
            "Invalid value {first} for configuration {}: must be no more than {}, which is {max}; lower the one or raise \
             the other",
            first_key.name(),
            max_key.name()
        ));
    }
    Ok(())
}

fn refuse(text: String) -> Result<(), Refusal> {
    Err(Refusal::InvalidConfig(text))
}

/// A group's keys, each held within the broker's bounds.
pub(crate) fn clamp(config: &BrokerConfig, own: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut clamped = own.clone();
    for Bounds { key, min, max, .. } in BOUNDS {
        let Some(text) = clamped.get_mut(key.def.name) else { continue };
        if let Ok(Value::Int(n)) = key.def.parse(text) {
            let least = min.map_or(i32::MIN, |min| config.get(min));
            *text = n.max(least).min(config.get(max)).to_string();
        }
    }
    clamped
}
