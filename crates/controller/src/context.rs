//! What decisions read.

use klamm_config::{BrokerConfig, Key};
use klamm_metadata::MetadataImage;
use klamm_metadata::features::MetadataVersion;
use klamm_metadata::image::{Broker, ConfigResource, directory};
use klamm_protocol::Uuid;
use std::collections::BTreeMap;

/// The cluster as decisions see it.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Everything applied, committed or not.
    pub image: &'a MetadataImage,
    /// Of the partitions in it.
    pub index: &'a crate::PartitionIndex,
    /// The deciding node's properties file.
    pub config: &'a BrokerConfig,
    /// Whether a broker passed the request on.
    pub forwarded: bool,
}

/// What a caller may do and see; asked with topic names.
#[derive(Clone, Copy)]
pub struct Access<'a> {
    /// May create (delete, alter: as the decision has it) the topic.
    pub may_change: &'a dyn Fn(&str) -> bool,
    /// May see the topic, or on creation its configs.
    pub may_describe: &'a dyn Fn(&str) -> bool,
}

impl Access<'static> {
    /// Everything is allowed.
    pub const ALL: Self = Self { may_change: &|_| true, may_describe: &|_| true };
}

impl<'a> Context<'a> {
    /// The `metadata.version` that records are written for.
    pub fn metadata_version(&self) -> MetadataVersion {
        self.image.features.metadata_version_or_minimum()
    }

    /// Whether eligible leader replicas are kept.
    pub fn is_elr_enabled(&self) -> bool {
        self.image.features.is_elr_enabled()
    }

    /// What is set for a resource.
    pub fn own_configs(&self, resource: &ConfigResource) -> BTreeMap<String, String> {
        let values = self.image.configs.resource(resource);
        values
            .into_iter()
            .flat_map(|values| values.iter())
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .collect()
    }

    /// A topic's value of a key: its own, what was altered for this node or for all, the properties file, the default.
    fn topic_value<T>(&self, topic: &str, key: &Key<T>) -> Option<String> {
        let own = self.image.configs.value(&ConfigResource::topic(topic), key.def.name);
        if let Some(own) = own {
            return Some(own.to_string());
        }
        let nodes = [ConfigResource::broker(Some(self.config.node_id())), ConfigResource::broker(None)];
        for (name, _) in key.def.synonyms {
            let dynamic = nodes.iter().find_map(|node| self.image.configs.value(node, name));
            if let Some(value) = dynamic {
                return Some(value.to_string());
            }
            if let Some(value) = self.config.originals().get(*name) {
                return Some(value.clone());
            }
        }
        key.def.default_value().and_then(|value| value.to_text())
    }

    /// `min.insync.replicas` of a topic, at most its replication factor.
    pub fn min_insync_replicas(&self, topic: &str) -> usize {
        let configured = self
            .topic_value(topic, &klamm_config::topic::MIN_INSYNC_REPLICAS)
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(1);
        let first = self.image.topics.partition(topic, 0);
        first.map_or(configured, |partition| partition.replicas.len().min(configured))
    }

    /// Whether a topic's leader may be elected from outside its in-sync replicas.
    pub fn is_unclean_election_enabled(&self, topic: &str) -> bool {
        self.topic_value(topic, &klamm_config::topic::UNCLEAN_LEADER_ELECTION_ENABLE)
            .is_some_and(|text| text.trim().eq_ignore_ascii_case("true"))
    }

    /// The directory that a new replica on a broker is in, as far as it can be known: the broker's only one, or none.
    pub fn default_dir(&self, broker: i32) -> Uuid {
        match self.image.cluster.brokers.get(&broker).map(|broker| broker.log_dirs.as_slice()) {
            Some([]) => directory::MIGRATING,
            Some([only]) => *only,
            Some(_) | None => directory::UNASSIGNED,
        }
    }

    /// A broker's registration, of that epoch.
    ///
    /// # Errors
    /// STALE_BROKER_EPOCH.
    pub fn checked_broker(&self, id: i32, epoch: i64) -> Result<&'a Broker, crate::ApiError> {
        let stale =
            |message: String| crate::ApiError::new(klamm_protocol::ErrorCode::StaleBrokerEpoch, message);
        let Some(broker) = self.image.cluster.brokers.get(&id) else {
            return Err(stale(format!("No broker registration found for broker id {id}")));
        };
        if broker.epoch == epoch {
            Ok(broker)
        } else {
            Err(stale(format!("Expected broker epoch {}, but got broker epoch {epoch}", broker.epoch)))
        }
    }
}
