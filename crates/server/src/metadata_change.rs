//! What happened to the metadata between two images, as far as the parts of a broker have to act on it.

use std::{collections::BTreeSet, sync::Arc};

use klamm_metadata::image::{ConfigResource, ResourceType, Topic};
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

    /// The same as far as these topics go.
    #[must_use]
    pub fn of_topics(&self, topics: BTreeSet<Uuid>) -> Self {
        let touched = Touched { topics, ..Touched::default() };
        Self { before: Arc::clone(&self.before), after: Arc::clone(&self.after), touched }
    }

    /// Whether all that happens to topics is that some go.
    pub fn only_removes_topics(&self) -> bool {
        let gone = |id: &Uuid| self.after.image.topics.by_id(id).is_none();
        !self.touched.everything && !self.touched.topics.is_empty() && self.touched.topics.iter().all(gone)
    }

    /// The topics to act on, those that are gone first: one that was made anew under the same name must not find what is
    /// kept for the other by name.
    pub fn topics(&self) -> Vec<TopicChange<'_>> {
        let mut changes: Vec<TopicChange<'_>> = self.gone().into_iter().map(TopicChange::Gone).collect();
        let after = &self.after.image.topics;
        match self.touched.everything {
            true => changes.extend(after.iter().map(TopicChange::Here)),
            false => {
                let ids = self.touched.topics.iter();
                changes.extend(ids.filter_map(|id| after.by_id(id)).map(TopicChange::Here));
            }
        }
        changes
    }

    /// The topics that are gone: name and id.
    pub fn deleted_topics(&self) -> Vec<(StrBytes, Uuid)> {
        self.gone().into_iter().map(|topic| (topic.name.clone(), topic.id)).collect()
    }

    fn gone(&self) -> Vec<&Arc<Topic>> {
        let (before, after) = (&self.before.image.topics, &self.after.image.topics);
        match self.touched.everything {
            true => before.iter().filter(|topic| after.by_id(&topic.id).is_none()).collect(),
            false => {
                let gone = self.touched.topics.iter().filter(|id| after.by_id(id).is_none());
                gone.filter_map(|id| before.by_id(id)).collect()
            }
        }
    }
}

/// A topic that a change is about.
#[derive(Debug, Clone, Copy)]
pub enum TopicChange<'a> {
    /// It is there no more.
    Gone(&'a Arc<Topic>),
    /// It may be new, or other than before.
    Here(&'a Arc<Topic>),
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

#[cfg(test)]
mod tests {
    use klamm_metadata::image::MetadataImage;
    use klamm_protocol::metadata::{RemoveTopicRecord, TopicRecord};
    use klamm_timeline::StateMachine;

    use super::*;

    #[test]
    fn a_topic_that_was_made_anew_is_opened_after_the_other_is_dropped() {
        let created = |id: u128| -> MetadataRecord {
            let topic_id = Uuid::from_u128(id);
            TopicRecord { name: "orders".into(), topic_id, ..Default::default() }.into()
        };
        let removed = |id: u128| -> MetadataRecord {
            RemoveTopicRecord { topic_id: Uuid::from_u128(id), ..Default::default() }.into()
        };
        // Ids are drawn: either may come first.
        for (old, new) in [(1, 2), (2, 1)] {
            for everything in [false, true] {
                let mut touched = Touched { everything, ..Touched::default() };
                let mut image = MetadataImage::default();
                image.replay(&created(old));
                let before = Arc::new(Published { image: image.clone(), ..Published::default() });
                for record in [removed(old), created(new)] {
                    touched.add(&record);
                    image.replay(&record);
                }
                let after = Arc::new(Published { image, ..Published::default() });
                let change = MetadataChange::new(before, after, touched);
                let [TopicChange::Gone(gone), TopicChange::Here(here)] = *change.topics() else {
                    panic!("{old} and {new}: {:?}", change.topics())
                };
                assert_eq!((gone.id, here.id), (Uuid::from_u128(old), Uuid::from_u128(new)));
                assert_eq!(change.deleted_topics(), [("orders".into(), Uuid::from_u128(old))]);
            }
        }
    }
}
