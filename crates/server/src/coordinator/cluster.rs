//! The cluster, as coordinators ask for it.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
};

use klamm_config::{BrokerConfig, GroupConfig, group};
use klamm_coordinator::{Cluster, ConsumerTiming, ShareTiming, StreamsTiming, topic_hash};
use klamm_metadata::image::{ConfigResource, MetadataImage, Topic};
use klamm_protocol::{StrBytes, Uuid};
use rustc_hash::FxHashMap;

use super::settings::{consumer_timing, share_timing, streams_timing};
use crate::metadata::Published;

/// The metadata and config that are valid now.
pub struct KnownCluster {
    published: Arc<Published>,
    config: Arc<BrokerConfig>,
    topics_version: i64,
    newest_topic_version: i64,
    topic_hashes: Rc<TopicHashes>,
}

/// The hashes of topics in one version of them: groups with many members ask for the same again and again.
#[derive(Default)]
pub struct TopicHashes {
    version: Cell<i64>,
    by_id: RefCell<FxHashMap<Uuid, i64>>,
}

impl TopicHashes {
    fn get(&self, version: i64, topic: Uuid, compute: impl FnOnce() -> i64) -> i64 {
        let mut by_id = self.by_id.borrow_mut();
        if self.version.replace(version) != version {
            by_id.clear();
        }
        *by_id.entry(topic).or_insert_with(compute)
    }
}

impl KnownCluster {
    /// The versions are those of the last change of topics, and of the last topic that came, in the image.
    pub(super) const fn new(
        published: Arc<Published>,
        config: Arc<BrokerConfig>,
        (topics_version, newest_topic_version): (i64, i64),
        topic_hashes: Rc<TopicHashes>,
    ) -> Self {
        Self { published, config, topics_version, newest_topic_version, topic_hashes }
    }

    /// The config of a group that has some of its own.
    fn group_config(&self, group: &str) -> Option<GroupConfig> {
        let own = self.published.image.configs.resource(&ConfigResource::group(group))?;
        let own = own.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        Some(GroupConfig::resolve(&self.config, &own).0)
    }
}

/// The pace of groups is told for all of them, also by the broker's config: it may have been altered since the coordinator
/// was loaded.
impl Cluster for KnownCluster {
    fn version(&self) -> i64 {
        self.topics_version
    }

    fn newest_topic_version(&self) -> i64 {
        self.newest_topic_version
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

    fn topic_hash(&self, name: &str) -> Option<i64> {
        let image = &self.published.image;
        let topic = image.topics.by_name(name)?;
        Some(self.topic_hashes.get(self.topics_version, topic.id, || hash_of(topic, image)))
    }

    fn names(&self, wanted: &dyn Fn(&str) -> bool) -> Vec<StrBytes> {
        self.published.image.topics.names().filter(|name| wanted(name)).cloned().collect()
    }

    fn streams_timing(&self, group: &str) -> Option<StreamsTiming> {
        let Some(config) = self.group_config(group) else { return Some(streams_timing(&self.config)) };
        Some(StreamsTiming {
            session_timeout_ms: config.get(&group::STREAMS_SESSION_TIMEOUT_MS),
            heartbeat_interval_ms: config.get(&group::STREAMS_HEARTBEAT_INTERVAL_MS),
            assignment_interval_ms: config.get(&group::STREAMS_ASSIGNMENT_INTERVAL_MS),
            initial_rebalance_delay_ms: config.get(&group::STREAMS_INITIAL_REBALANCE_DELAY_MS),
            num_standby_replicas: config.get(&group::STREAMS_NUM_STANDBY_REPLICAS),
        })
    }

    fn consumer_timing(&self, group: &str) -> Option<ConsumerTiming> {
        let Some(config) = self.group_config(group) else { return Some(consumer_timing(&self.config)) };
        Some(ConsumerTiming {
            session_timeout_ms: config.get(&group::CONSUMER_SESSION_TIMEOUT_MS),
            heartbeat_interval_ms: config.get(&group::CONSUMER_HEARTBEAT_INTERVAL_MS),
            assignment_interval_ms: config.get(&group::CONSUMER_ASSIGNMENT_INTERVAL_MS),
        })
    }

    fn share_timing(&self, group: &str) -> Option<ShareTiming> {
        let Some(config) = self.group_config(group) else { return Some(share_timing(&self.config)) };
        Some(ShareTiming {
            session_timeout_ms: config.get(&group::SHARE_SESSION_TIMEOUT_MS),
            heartbeat_interval_ms: config.get(&group::SHARE_HEARTBEAT_INTERVAL_MS),
            assignment_interval_ms: config.get(&group::SHARE_ASSIGNMENT_INTERVAL_MS),
        })
    }
}

/// Brokers that have not registered, and those that say nothing of a rack, stand in none.
fn hash_of(topic: &Topic, image: &MetadataImage) -> i64 {
    let rack = |broker: &i32| image.cluster.brokers.get(broker)?.rack.as_deref();
    let racks: Vec<Vec<&str>> = topic
        .partitions
        .values()
        .map(|partition| partition.replicas.iter().filter_map(rack).collect())
        .collect();
    topic_hash(topic.id, &topic.name, &racks)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn intervals_altered_at_run_time_hold_for_loaded_groups() {
        let text = "process.roles=broker,controller\nnode.id=1\nlisteners=PLAINTEXT://:9092,CONTROLLER://:9093\n\
            controller.listener.names=CONTROLLER\ncontroller.quorum.voters=1@localhost:9093\n";
        let config = BrokerConfig::from_properties(&klamm_config::properties::parse(text).unwrap()).unwrap();
        for kind in ["consumer", "share", "streams"] {
            let key = format!("group.{kind}.assignment.interval.ms");
            let altered =
                config.altered(&BTreeMap::from([(key, "1234".to_owned())]), &BTreeMap::new()).unwrap();
            let cluster = KnownCluster::new(Arc::default(), Arc::new(altered), (-1, -1), Rc::default());
            let told = match kind {
                "consumer" => cluster.consumer_timing("g").map(|timing| timing.assignment_interval_ms),
                "share" => cluster.share_timing("g").map(|timing| timing.assignment_interval_ms),
                _ => cluster.streams_timing("g").map(|timing| timing.assignment_interval_ms),
            };
            assert_eq!(told, Some(1234), "{kind}");
        }
    }
}
