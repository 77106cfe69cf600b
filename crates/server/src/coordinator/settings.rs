//! The coordinator's settings, from the broker's config.

use std::time::Duration;

use klamm_config::{BrokerConfig, assignors, broker};
use klamm_coordinator::{ConsumerTiming, GroupSettings, MigrationPolicy, ShareTiming, StreamsTiming};
use klamm_protocol::records::CompressionType;

use super::driver::DriverSettings;

/// Reads the `group.*` and `offset*` keys.
pub(super) fn group_settings(config: &BrokerConfig) -> GroupSettings {
    GroupSettings {
        classic_size_max: usize::try_from(config.get(&broker::GROUP_MAX_SIZE)).unwrap_or(1),
        classic_session_timeout_ms_min: config.get(&broker::GROUP_MIN_SESSION_TIMEOUT_MS),
        classic_session_timeout_ms_max: config.get(&broker::GROUP_MAX_SESSION_TIMEOUT_MS),
        classic_initial_rebalance_delay_ms: config.get(&broker::GROUP_INITIAL_REBALANCE_DELAY_MS),
        consumer_size_max: usize::try_from(config.get(&broker::GROUP_CONSUMER_MAX_SIZE)).unwrap_or(1),
        consumer_timing: consumer_timing(config),
        consumer_migration: MigrationPolicy::from_name(&config.get(&broker::GROUP_CONSUMER_MIGRATION_POLICY))
            .unwrap_or_default(),
        consumer_regex_refresh_interval_ms: config.get(&broker::GROUP_CONSUMER_REGEX_REFRESH_INTERVAL_MS),
        consumer_assignors: assignor_names(&config.get(&broker::GROUP_CONSUMER_ASSIGNORS)),
        share_size_max: usize::try_from(config.get(&broker::GROUP_SHARE_MAX_SIZE)).unwrap_or(1),
        share_timing: share_timing(config),
        share_initialize_retry_interval_ms: i64::from(
            config.get(&broker::GROUP_SHARE_INITIALIZE_RETRY_INTERVAL_MS),
        ),
        streams_size_max: usize::try_from(config.get(&broker::GROUP_STREAMS_MAX_SIZE)).unwrap_or(1),
        streams_timing: streams_timing(config),
        offset_metadata_length_max: usize::try_from(config.get(&broker::OFFSET_METADATA_MAX_BYTES))
            .unwrap_or(0),
        offsets_retention_ms: i64::from(config.get(&broker::OFFSETS_RETENTION_MINUTES)) * 60_000,
        offsets_retention_check_interval_ms: config.get(&broker::OFFSETS_RETENTION_CHECK_INTERVAL_MS),
        ..GroupSettings::default()
    }
}

/// The pace of consumer groups without configs of their own.
pub(super) fn consumer_timing(config: &BrokerConfig) -> ConsumerTiming {
    ConsumerTiming {
        session_timeout_ms: config.get(&broker::GROUP_CONSUMER_SESSION_TIMEOUT_MS),
        heartbeat_interval_ms: config.get(&broker::GROUP_CONSUMER_HEARTBEAT_INTERVAL_MS),
        assignment_interval_ms: config.get(&broker::GROUP_CONSUMER_ASSIGNMENT_INTERVAL_MS),
    }
}

/// The pace of share groups without configs of their own.
pub(super) fn share_timing(config: &BrokerConfig) -> ShareTiming {
    ShareTiming {
        session_timeout_ms: config.get(&broker::GROUP_SHARE_SESSION_TIMEOUT_MS),
        heartbeat_interval_ms: config.get(&broker::GROUP_SHARE_HEARTBEAT_INTERVAL_MS),
        assignment_interval_ms: config.get(&broker::GROUP_SHARE_ASSIGNMENT_INTERVAL_MS),
    }
}

/// The pace of streams groups without configs of their own, and their standbys.
pub(super) fn streams_timing(config: &BrokerConfig) -> StreamsTiming {
    StreamsTiming {
        session_timeout_ms: config.get(&broker::GROUP_STREAMS_SESSION_TIMEOUT_MS),
        heartbeat_interval_ms: config.get(&broker::GROUP_STREAMS_HEARTBEAT_INTERVAL_MS),
        assignment_interval_ms: config.get(&broker::GROUP_STREAMS_ASSIGNMENT_INTERVAL_MS),
        initial_rebalance_delay_ms: config.get(&broker::GROUP_STREAMS_INITIAL_REBALANCE_DELAY_MS),
        num_standby_replicas: config.get(&broker::GROUP_STREAMS_NUM_STANDBY_REPLICAS),
    }
}

/// The config names assignors or, as plugins do, their classes. It was refused if it names others.
fn assignor_names(configured: &[String]) -> Vec<String> {
    let known = |configured: &String| assignors::find(assignors::CONSUMER, configured);
    configured.iter().filter_map(known).map(|assignor| assignor.name.to_owned()).collect()
}

/// Reads what the driver needs.
pub(super) fn driver_settings(config: &BrokerConfig) -> DriverSettings {
    let timeout_ms = config.get(&broker::OFFSETS_COMMIT_TIMEOUT_MS);
    DriverSettings {
        compression: compression(config.get(&broker::OFFSETS_TOPIC_COMPRESSION_CODEC)),
        commit_timeout: Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0)),
    }
}

/// The codec of an id in the config. An id that does not exist compresses nothing.
pub(super) const fn compression(id: i32) -> CompressionType {
    match id {
        1 => CompressionType::Gzip,
        2 => CompressionType::Snappy,
        3 => CompressionType::Lz4,
        4 => CompressionType::Zstd,
        _ => CompressionType::None,
    }
}
