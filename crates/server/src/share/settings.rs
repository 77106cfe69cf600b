//! What a share group is configured to: by its own configs (KIP-848's group resources), or by the broker's.

use std::{collections::BTreeMap, time::Duration};

use klamm_config::{GroupConfig, Key, group};
use klamm_metadata::image::ConfigResource;
use klamm_share::{Backoff, BreakerSettings, Settings};

use crate::{node::Node, shard::requests::Isolation};

/// Where a group starts in a partition that nothing is known of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetReset {
    /// With the first record that there is.
    Earliest,
    /// With the next record.
    Latest,
    /// With the first record that is no older than this.
    ByDuration(Duration),
}

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShareSettings {
    /// What share partitions go by.
    pub partition: Settings,
    /// `share.auto.offset.reset`.
    pub offset_reset: OffsetReset,
    /// `share.isolation.level`.
    pub isolation: Isolation,
}

impl ShareSettings {
    /// What is valid now for a group.
    pub fn of_group(node: &Node, name: &str) -> Self {
        let config = node.config.load();
        let published = node.metadata.load();
        let own: BTreeMap<String, String> = published
            .image
            .configs
            .resource(&ConfigResource::group(name))
            .map(|own| own.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect())
            .unwrap_or_default();
        let (group, _) = GroupConfig::resolve(&config, &own);
        let reset = group.get(&group::SHARE_AUTO_OFFSET_RESET);
        let isolation = group.get(&group::SHARE_ISOLATION_LEVEL);
        let lock_ms = group.get(&group::SHARE_RECORD_LOCK_DURATION_MS);
        Self {
            partition: Settings {
                locks_max: group.get(&group::SHARE_PARTITION_MAX_RECORD_LOCKS),
                delivery_count_limit: i16::try_from(group.get(&group::SHARE_DELIVERY_COUNT_LIMIT))
                    .unwrap_or(i16::MAX),
                lock_duration: Duration::from_millis(u64::try_from(lock_ms).unwrap_or(0)),
                is_renewal_allowed: group.get(&group::SHARE_RENEW_ACKNOWLEDGE_ENABLE),
                has_dead_letters: !group.get(&group::ERRORS_DEADLETTERQUEUE_TOPIC_NAME).is_empty(),
                backoff: backoff(&group),
                breaker: breaker(&group),
            },
            offset_reset: offset_reset(&reset),
            isolation: match isolation.as_str() {
                "read_committed" => Isolation::Committed,
                _ => Isolation::Uncommitted,
            },
        }
    }

    /// How long acquired records stay with a member, as clients are told.
    pub fn lock_timeout_ms(&self) -> i32 {
        i32::try_from(self.partition.lock_duration.as_millis()).unwrap_or(i32::MAX)
    }
}

fn millis(group: &GroupConfig, key: &Key<i32>) -> Duration {
    Duration::from_millis(u64::try_from(group.get(key)).unwrap_or(0))
}

/// How long records are held back that were not processed.
fn backoff(group: &GroupConfig) -> Option<Backoff> {
    let first = millis(group, &group::KLAMM_ERRORS_DEADLETTERQUEUE_RETRY_BACKOFF_MS);
    let growth = group.get(&group::KLAMM_ERRORS_DEADLETTERQUEUE_RETRY_BACKOFF_MULTIPLIER);
    let jitter = group.get(&group::KLAMM_ERRORS_DEADLETTERQUEUE_RETRY_BACKOFF_JITTER);
    let backoff = Backoff {
        first,
        max: millis(group, &group::KLAMM_ERRORS_DEADLETTERQUEUE_RETRY_BACKOFF_MAX_MS),
        // Both are bounded by the table.
        growth_percent: (growth * 100.0) as u32,
        jitter_percent: (jitter * 100.0) as u32,
    };
    (!first.is_zero()).then_some(backoff)
}

/// When no records are delivered because too many go to the dead-letter queue.
fn breaker(group: &GroupConfig) -> Option<BreakerSettings> {
    let records = group.get(&group::KLAMM_ERRORS_DEADLETTERQUEUE_CIRCUIT_BREAKER_RECORDS);
    let records = u32::try_from(records).ok().filter(|records| *records > 0)?;
    let trial = group.get(&group::KLAMM_ERRORS_DEADLETTERQUEUE_CIRCUIT_BREAKER_TRIAL_RECORDS);
    Some(BreakerSettings {
        records,
        window: millis(group, &group::KLAMM_ERRORS_DEADLETTERQUEUE_CIRCUIT_BREAKER_WINDOW_MS),
        wait: millis(group, &group::KLAMM_ERRORS_DEADLETTERQUEUE_CIRCUIT_BREAKER_WAIT_MS),
        trial_records: u32::try_from(trial).unwrap_or(1),
    })
}

/// Values that were stored are sound; anything else is taken for the default.
fn offset_reset(value: &str) -> OffsetReset {
    match value.split_once(':') {
        None if value.eq_ignore_ascii_case("earliest") => OffsetReset::Earliest,
        Some((kind, duration)) if kind.eq_ignore_ascii_case("by_duration") => {
            let ms = klamm_config::valid::iso_duration_ms(duration).and_then(|ms| u64::try_from(ms).ok());
            ms.map_or(OffsetReset::Latest, |ms| OffsetReset::ByDuration(Duration::from_millis(ms)))
        }
        _ => OffsetReset::Latest,
    }
}
