//! The coordinator's settings, from the broker's config.

use klamm_config::{BrokerConfig, broker};
use klamm_coordinator::GroupSettings;

/// Reads the `group.*` and `offset*` keys.
pub(super) fn group_settings(config: &BrokerConfig) -> GroupSettings {
    GroupSettings {
        classic_size_max: usize::try_from(config.get(&broker::GROUP_MAX_SIZE)).unwrap_or(1),
        classic_session_timeout_ms_min: config.get(&broker::GROUP_MIN_SESSION_TIMEOUT_MS),
        classic_session_timeout_ms_max: config.get(&broker::GROUP_MAX_SESSION_TIMEOUT_MS),
        classic_initial_rebalance_delay_ms: config.get(&broker::GROUP_INITIAL_REBALANCE_DELAY_MS),
        offset_metadata_length_max: usize::try_from(config.get(&broker::OFFSET_METADATA_MAX_BYTES))
            .unwrap_or(0),
        offsets_retention_ms: i64::from(config.get(&broker::OFFSETS_RETENTION_MINUTES)) * 60_000,
        offsets_retention_check_interval_ms: config.get(&broker::OFFSETS_RETENTION_CHECK_INTERVAL_MS),
        ..GroupSettings::default()
    }
}
