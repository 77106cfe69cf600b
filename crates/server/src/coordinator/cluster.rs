//! The cluster, as coordinators ask for it.

use std::sync::Arc;

use klamm_config::{BrokerConfig, GroupConfig, group};
use klamm_coordinator::{Cluster, ConsumerTiming};
use klamm_metadata::image::ConfigResource;
use klamm_protocol::{StrBytes, Uuid};

use crate::metadata::Published;

/// The metadata and config that are valid now.
pub struct KnownCluster {
    published: Arc<Published>,
    config: Arc<BrokerConfig>,
    topics_version: i64,
}

impl KnownCluster {
    /// `topics_version` is that of the last change of topics in the image.
    pub(super) const fn new(
        published: Arc<Published>,
        config: Arc<BrokerConfig>,
        topics_version: i64,
    ) -> Self {
        Self { published, config, topics_version }
    }
}

impl Cluster for KnownCluster {
    fn version(&self) -> i64 {
        self.topics_version
    }

    fn id(&self, name: &str) -> Option<Uuid> {
        self.published.image.topics.by_name(name).map(|topic| topic.id)
    }

    fn name(&self, id: Uuid) -> Option<StrBytes> {
        self.published.image.topics.by_id(&id).map(|topic| topic.name.clone())
    }

    fn partition_count(&self, id: Uuid) -> Option<i32> {
        let topic = self.published.image.topics.by_id(&id)?;
        i32::try_from(topic.partitions.size()).ok()
    }

    fn names(&self, wanted: &dyn Fn(&str) -> bool) -> Vec<StrBytes> {
        self.published.image.topics.names().filter(|name| wanted(name)).cloned().collect()
    }

    fn consumer_timing(&self, group: &str) -> Option<ConsumerTiming> {
        let own = self.published.image.configs.resource(&ConfigResource::group(group))?;
        let own = own.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        let (config, _) = GroupConfig::resolve(&self.config, &own);
        Some(ConsumerTiming {
            session_timeout_ms: config.get(&group::CONSUMER_SESSION_TIMEOUT_MS),
            heartbeat_interval_ms: config.get(&group::CONSUMER_HEARTBEAT_INTERVAL_MS),
            assignment_interval_ms: config.get(&group::CONSUMER_ASSIGNMENT_INTERVAL_MS),
        })
    }
}
