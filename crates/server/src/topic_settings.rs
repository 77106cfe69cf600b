//! The effective config of one topic on this broker, in the form that its partitions use.

use std::{collections::BTreeMap, sync::Arc};

use klamm_config::{BrokerConfig, broker, topic, topic_config::TopicConfig};
use klamm_log::LogConfig;
use klamm_metadata::image::{ConfigResource, MetadataImage};
use klamm_protocol::records::{Compression, CompressionType, TimestampType};
use tracing::warn;

use crate::replication::throttle::Throttled;

/// What partitions of a topic go by. Shared by all of them on a shard.
#[derive(Debug, Clone, PartialEq)]
pub struct TopicSettings {
    /// What the log goes by.
    pub log: Arc<LogConfig>,
    /// `max.message.bytes`.
    pub batch_bytes_max: usize,
    /// `compression.type` with its level; `None` for `producer`.
    pub compression: Option<Compression>,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`.
    pub timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`.
    pub timestamp_after_max_ms: i64,
    /// `min.insync.replicas`.
    pub insync_replicas_min: usize,
    /// `leader.replication.throttled.replicas`, as far as they are on this broker.
    pub throttled_leaders: Throttled,
    /// `follower.replication.throttled.replicas`, as far as they are on this broker.
    pub throttled_followers: Throttled,
}

impl TopicSettings {
    /// What the broker's config and the topic's overrides add up to. A stored override that is no longer legal counts as
    /// not set.
    pub fn resolve(config: &BrokerConfig, image: &MetadataImage, name: &str) -> Self {
        let own: BTreeMap<String, String> = image
            .configs
            .resource(&ConfigResource::topic(name))
            .map(|values| values.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect())
            .unwrap_or_default();
        let (resolved, errors) = TopicConfig::resolve(config, &own);
        for error in errors {
            warn!(topic = name, %error, "a config of the topic is not legal and does not count");
        }
        Self::of(config, &resolved)
    }

    fn of(config: &BrokerConfig, resolved: &TopicConfig) -> Self {
        let policy = resolved.get(&topic::CLEANUP_POLICY);
        let has = |name: &str| policy.iter().any(|policy| policy == name);
        let log = LogConfig {
            segment_bytes: unsigned(resolved.segment_bytes()),
            segment_ms: resolved.get(&topic::SEGMENT_MS),
            segment_jitter_ms: resolved.get(&topic::SEGMENT_JITTER_MS),
            segment_index_bytes: unsigned(resolved.get(&topic::SEGMENT_INDEX_BYTES)),
            index_interval_bytes: unsigned(resolved.get(&topic::INDEX_INTERVAL_BYTES)),
            flush_messages: resolved.get(&topic::FLUSH_MESSAGES),
            flush_ms: resolved.get(&topic::FLUSH_MS),
            retention_bytes: resolved.get(&topic::RETENTION_BYTES),
            retention_ms: resolved.get(&topic::RETENTION_MS),
            delete: has("delete"),
            compact: has("compact"),
            dirty_ratio_min: resolved.get(&topic::MIN_CLEANABLE_DIRTY_RATIO),
            min_compaction_lag_ms: resolved.get(&topic::MIN_COMPACTION_LAG_MS),
            delete_retention_ms: resolved.get(&topic::DELETE_RETENTION_MS),
            max_compaction_lag_ms: resolved.get(&topic::MAX_COMPACTION_LAG_MS),
            file_delete_delay_ms: resolved.get(&topic::FILE_DELETE_DELAY_MS),
            preallocate: resolved.get(&topic::PREALLOCATE),
            producer_id_expiration_ms: i64::from(config.get(&broker::PRODUCER_ID_EXPIRATION_MS)),
            transaction_timeout_ms_max: i64::from(config.get(&broker::TRANSACTION_MAX_TIMEOUT_MS)),
            transaction_verification: config.get(&broker::TRANSACTION_PARTITION_VERIFICATION_ENABLE),
        };
        let is_append_time = resolved.get(&topic::MESSAGE_TIMESTAMP_TYPE) == "LogAppendTime";
        Self {
            log: Arc::new(log),
            batch_bytes_max: unsigned(resolved.get(&topic::MAX_MESSAGE_BYTES)) as usize,
            compression: compression(resolved),
            timestamp_type: if is_append_time {
                TimestampType::LogAppendTime
            } else {
                TimestampType::CreateTime
            },
            timestamp_before_max_ms: resolved.get(&topic::MESSAGE_TIMESTAMP_BEFORE_MAX_MS),
            timestamp_after_max_ms: resolved.get(&topic::MESSAGE_TIMESTAMP_AFTER_MAX_MS),
            insync_replicas_min: unsigned(resolved.get(&topic::MIN_INSYNC_REPLICAS)) as usize,
            throttled_leaders: Throttled::read(
                &resolved.get(&topic::LEADER_REPLICATION_THROTTLED_REPLICAS),
                config.node_id(),
            ),
            throttled_followers: Throttled::read(
                &resolved.get(&topic::FOLLOWER_REPLICATION_THROTTLED_REPLICAS),
                config.node_id(),
            ),
        }
    }
}

fn unsigned(value: i32) -> u32 {
    u32::try_from(value).unwrap_or(0)
}

fn compression(resolved: &TopicConfig) -> Option<Compression> {
    let name = resolved.get(&topic::COMPRESSION_TYPE);
    let kind = match name.as_str() {
        "producer" => return None,
        "uncompressed" => CompressionType::None,
        name => CompressionType::from_name(name)?,
    };
    let level = match kind {
        CompressionType::Gzip => resolved.get(&topic::COMPRESSION_GZIP_LEVEL),
        CompressionType::Lz4 => resolved.get(&topic::COMPRESSION_LZ4_LEVEL),
        CompressionType::Zstd => resolved.get(&topic::COMPRESSION_ZSTD_LEVEL),
        CompressionType::None | CompressionType::Snappy => return Some(Compression::new(kind)),
    };
    Some(Compression::with_level(kind, level).unwrap_or(Compression::new(kind)))
}
