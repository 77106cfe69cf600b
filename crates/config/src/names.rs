//! What the name of a broker's key tells of it.

use crate::key::KeyDef;
use crate::table;

/// The key of the table that a key with a listener's prefix, and perhaps a mechanism's, stands for.
pub(crate) fn listener_base_key(name: &str) -> Option<&'static KeyDef> {
    let (_, base) = name.strip_prefix("listener.name.")?.split_once('.')?;
    table::BROKER.find(base).or_else(|| base.split_once('.').and_then(|(_, key)| table::BROKER.find(key)))
}

/// The broker's keys that say the same in other units, the most exact first; none if the key stands alone.
pub(crate) fn unit_synonyms(name: &str) -> &'static [&'static str] {
    match name {
        "log.roll.ms" | "log.roll.hours" => &["log.roll.ms", "log.roll.hours"],
        "log.roll.jitter.ms" | "log.roll.jitter.hours" => &["log.roll.jitter.ms", "log.roll.jitter.hours"],
        "log.retention.ms" | "log.retention.minutes" | "log.retention.hours" => {
            &["log.retention.ms", "log.retention.minutes", "log.retention.hours"]
        }
        "log.flush.interval.ms" => &["log.flush.interval.ms", "log.flush.scheduler.interval.ms"],
        _ => &[],
    }
}

/// Whether a key of brokers can only be set at run time, never in the properties file.
pub(crate) fn is_dynamic_only(name: &str) -> bool {
    matches!(
        name,
        "follower.replication.throttled.rate"
            | "leader.replication.throttled.rate"
            | "replica.alter.log.dirs.io.max.bytes.per.second"
    )
}
