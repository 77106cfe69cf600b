//! What happened to the metadata between two images, as far as the parts of a broker have to act on it.

use std::{collections::BTreeSet, sync::Arc};

use klamm_metadata::image::{ConfigResource, ResourceType};
use klamm_protocol::{MetadataRecord, StrBytes, Uuid};

use crate::metadata::Published;

/// Two images and what differs between them.
#[derive(Debug)]
pub struct MetadataChange {
    /// The image that was valid.
    pub before: Arc<Published>,
    /// The image that is going to be.
    pub after: Arc<Published>,
    /// What differs.
    pub touched: Touched,
}

impl MetadataChange {
    /// What records have touched between two images.
    pub fn new(before: Arc<Published>, after: Arc<Published>, mut touched: Touched) -> Self {
        for name in std::mem::take(&mut touched.without_elr) {
            // Of one that has gone since, nothing is left to tell.
            touched.topics.extend(after.image.topics.by_name(&name).map(|topic| topic.id));
        }
        Self { before, after, touched }
    }

    /// Whether all that happens to topics is that some go.
    pub fn only_removes_topics(&self) -> bool {
        let gone = |id: &Uuid| self.after.image.topics.by_id(id).is_none();
        !self.touched.everything && !self.touched.topics.is_empty() && self.touched.topics.iter().all(gone)
    }

    /// The topics that are gone: name and id.
    pub fn deleted_topics(&self) -> Vec<(StrBytes, Uuid)> {
        let (before, after) = (&self.before.image.topics, &self.after.image.topics);
        let named = |topic: &Arc<klamm_metadata::image::Topic>| (topic.name.clone(), topic.id);
        if self.touched.everything {
            before.iter().filter(|topic| after.by_id(&topic.id).is_none()).map(named).collect()
        } else {
            let gone = self.touched.topics.iter().filter(|id| after.by_id(id).is_none());
            gone.filter_map(|id| before.by_id(id)).map(named).collect()
        }
    }
}

/// What records have touched. Kept beside the image, since comparing two images of 100,000 partitions takes longer than
/// carrying out the change.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Touched {
    /// Everything may differ: the image comes from a snapshot.
    pub everything: bool,
    /// Topics that came, changed or went.
    pub topics: BTreeSet<Uuid>,
    /// Topics whose eligible leader replicas were forgotten (KIP-966), which the record says by name. Their partitions have
    /// changed.
    pub without_elr: BTreeSet<StrBytes>,
    /// Topics whose configs changed.
    pub topic_configs: BTreeSet<StrBytes>,
    /// Whether a config of this or of all brokers changed.
    pub broker_configs: bool,
    /// Whether brokers came, changed or went.
    pub brokers: bool,
    /// Whether a client quota changed.
    pub client_quotas: bool,
}

impl Touched {
    /// Everything.
    pub fn everything() -> Self {
        Self { everything: true, brokers: true, broker_configs: true, client_quotas: true, ..Self::default() }
    }

    /// Whether there is nothing to act on.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds what others have touched.
    pub fn merge(&mut self, other: Self) {
        self.everything |= other.everything;
        self.topics.extend(other.topics);
        self.without_elr.extend(other.without_elr);
        self.topic_configs.extend(other.topic_configs);
        self.broker_configs |= other.broker_configs;
        self.brokers |= other.brokers;
        self.client_quotas |= other.client_quotas;
    }

    /// Adds what a record touches.
    pub fn add(&mut self, record: &MetadataRecord) {
        match record {
            MetadataRecord::Topic(record) => drop(self.topics.insert(record.topic_id)),
            MetadataRecord::Partition(record) => drop(self.topics.insert(record.topic_id)),
            MetadataRecord::PartitionChange(record) => drop(self.topics.insert(record.topic_id)),
            MetadataRecord::RemoveTopic(record) => drop(self.topics.insert(record.topic_id)),
            // Of all topics: rarely, when the default of the cluster changes.
            MetadataRecord::ClearElr(record) if record.topic_name.is_empty() => self.everything = true,
            MetadataRecord::ClearElr(record) => drop(self.without_elr.insert(record.topic_name.clone())),
            MetadataRecord::Config(record) => self.add_config(&ConfigResource {
                resource_type: match ResourceType::from_code(record.resource_type) {
                    Some(resource_type) => resource_type,
                    None => return,
                },
                name: record.resource_name.clone(),
            }),
            MetadataRecord::ClientQuota(_) => self.client_quotas = true,
            MetadataRecord::RegisterBroker(_)
            | MetadataRecord::UnregisterBroker(_)
            | MetadataRecord::FenceBroker(_)
            | MetadataRecord::UnfenceBroker(_)
            | MetadataRecord::BrokerRegistrationChange(_) => self.brokers = true,
            _ => {}
        }
    }

    fn add_config(&mut self, resource: &ConfigResource) {
        match resource.resource_type {
            ResourceType::Topic => drop(self.topic_configs.insert(resource.name.clone())),
            ResourceType::Broker => self.broker_configs = true,
            ResourceType::BrokerLogger | ResourceType::ClientMetrics | ResourceType::Group => {}
        }
    }
}
