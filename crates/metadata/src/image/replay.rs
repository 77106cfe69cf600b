//! Carrying out records.

use super::topics::{Partition, Topic};
use super::{Broker, ConfigResource, Controller, Endpoint, LevelRange, Map, MetadataImage, ResourceType};
use crate::features::{Feature, MetadataVersion};
use klamm_config::table;
use klamm_protocol::metadata::{
    BrokerRegistrationChangeRecord, ConfigRecord, FeatureLevelRecord, MetadataRecord, PartitionChangeRecord,
    RegisterBrokerRecord, RegisterControllerRecord,
};
use klamm_protocol::{StrBytes, Uuid};
use std::sync::Arc;

/// A record that contradicts the image: the log is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The record names a broker that is not registered, or another epoch of it.
    #[error("broker {id} is not registered with epoch {epoch}")]
    UnknownBroker {
        /// Node id.
        id: i32,
        /// The record's broker epoch.
        epoch: i64,
    },
    /// The record names a topic that does not exist.
    #[error("topic {0} does not exist")]
    UnknownTopic(String),
    /// The record names a partition that does not exist.
    #[error("partition {index} of topic {topic} does not exist")]
    UnknownPartition {
        /// Topic id.
        topic: Uuid,
        /// Partition index.
        index: i32,
    },
    /// Directories and replicas of a partition do not pair up.
    #[error("partition {index} of topic {topic} has as many directories as it has not replicas")]
    InvalidDirectories {
        /// Topic id.
        topic: Uuid,
        /// Partition index.
        index: i32,
    },
    /// A value that means nothing.
    #[error("unknown value {value} of {field}")]
    UnknownValue {
        /// Field of the record.
        field: &'static str,
        /// What it had.
        value: i64,
    },
}

impl MetadataImage {
    /// Carries one record out, or says why it cannot be. The image is unchanged then.
    ///
    /// The bounds of metadata transactions do nothing here; see [`super::Loader`].
    ///
    /// # Errors
    /// If the record contradicts the image.
    pub fn try_replay(&mut self, record: &MetadataRecord) -> Result<(), ReplayError> {
        match record {
            MetadataRecord::FeatureLevel(record) => return self.replay_feature_level(record),
            MetadataRecord::RegisterBroker(record) => {
                self.cluster.brokers.insert_mut(record.broker_id, broker(record));
            }
            MetadataRecord::UnregisterBroker(record) => {
                self.cluster.brokers.remove_mut(&record.broker_id);
            }
            MetadataRecord::RegisterController(record) => {
                self.cluster.controllers.insert_mut(record.controller_id, controller(record));
            }
            MetadataRecord::FenceBroker(record) => {
                self.broker_mut(record.id, record.epoch)?.fenced = true;
            }
            MetadataRecord::UnfenceBroker(record) => {
                self.broker_mut(record.id, record.epoch)?.fenced = false;
            }
            MetadataRecord::BrokerRegistrationChange(record) => {
                return self.replay_registration_change(record);
            }
            MetadataRecord::Topic(record) => self.topics.insert(Topic {
                name: record.name.clone(),
                id: record.topic_id,
                partitions: Map::default(),
            }),
            MetadataRecord::Partition(record) => {
                let (topic, index) = (record.topic_id, record.partition_id);
                if !record.directories.is_empty() && record.directories.len() != record.replicas.len() {
                    return Err(ReplayError::InvalidDirectories { topic, index });
                }
                if !self.topics.set_partition(&topic, index, Partition::from_record(record)) {
                    return Err(ReplayError::UnknownTopic(topic.to_string()));
                }
            }
            MetadataRecord::PartitionChange(record) => return self.replay_partition_change(record),
            MetadataRecord::RemoveTopic(record) => {
                let topic = self
                    .topics
                    .remove(&record.topic_id)
                    .ok_or_else(|| ReplayError::UnknownTopic(record.topic_id.to_string()))?;
                self.configs
                    .remove(&ConfigResource { resource_type: ResourceType::Topic, name: topic.name.clone() });
            }
            MetadataRecord::ClearElr(record) => return self.replay_clear_elr(&record.topic_name),
            MetadataRecord::Config(record) => return self.replay_config(record),
            MetadataRecord::ProducerIds(record) => self.next_producer_id = Some(record.next_producer_id),
            _ => self.replay_security(record),
        }
        Ok(())
    }

    /// Quotas, access control, credentials; and the records that change nothing.
    fn replay_security(&mut self, record: &MetadataRecord) {
        match record {
            MetadataRecord::ClientQuota(record) => {
                let entity = record
                    .entity
                    .iter()
                    .map(|part| (part.entity_type.clone(), part.entity_name.clone()))
                    .collect();
                let value = (!record.remove).then_some(record.value);
                self.client_quotas.set(entity, record.key.clone(), value);
            }
            MetadataRecord::AccessControlEntry(record) => {
                self.acls.entries.insert_mut(record.id, Arc::new(record.clone()));
            }
            MetadataRecord::RemoveAccessControlEntry(record) => {
                self.acls.entries.remove_mut(&record.id);
            }
            MetadataRecord::UserScramCredential(record) => {
                self.scram
                    .credentials
                    .insert_mut((record.mechanism, record.name.clone()), Arc::new(record.clone()));
            }
            MetadataRecord::RemoveUserScramCredential(record) => {
                self.scram.credentials.remove_mut(&(record.mechanism, record.name.clone()));
            }
            MetadataRecord::DelegationToken(record) => {
                self.delegation_tokens.tokens.insert_mut(record.token_id.clone(), Arc::new(record.clone()));
            }
            MetadataRecord::RemoveDelegationToken(record) => {
                self.delegation_tokens.tokens.remove_mut(&record.token_id);
            }
            // Transaction bounds are the loader's; NoOp and ZkMigrationState leave no trace.
            _ => {}
        }
    }

    fn replay_feature_level(&mut self, record: &FeatureLevelRecord) -> Result<(), ReplayError> {
        if record.name.as_ref() == MetadataVersion::FEATURE_NAME {
            let version =
                MetadataVersion::from_level(record.feature_level).ok_or(ReplayError::UnknownValue {
                    field: MetadataVersion::FEATURE_NAME,
                    value: i64::from(record.feature_level),
                })?;
            self.features.metadata_version = Some(version);
        } else if record.name.as_ref() == Feature::KRaft.name() {
            // Written by mistake before Kafka 4.0 (KAFKA-18979); the control records of the log say it.
        } else if record.feature_level == 0 {
            self.features.levels.remove_mut(&record.name);
        } else {
            self.features.levels.insert_mut(record.name.clone(), record.feature_level);
        }
        Ok(())
    }

    fn broker_mut(&mut self, id: i32, epoch: i64) -> Result<&mut Broker, ReplayError> {
        self.cluster
            .brokers
            .get_mut(&id)
            .filter(|broker| broker.epoch == epoch)
            .ok_or(ReplayError::UnknownBroker { id, epoch })
    }

    fn replay_registration_change(
        &mut self,
        record: &BrokerRegistrationChangeRecord,
    ) -> Result<(), ReplayError> {
        let flag = |field, value: i8| match value {
            -1 => Ok(Some(false)),
            0 => Ok(None),
            1 => Ok(Some(true)),
            _ => Err(ReplayError::UnknownValue { field, value: i64::from(value) }),
        };
        let fenced = flag("Fenced", record.fenced)?;
        let in_controlled_shutdown = flag("InControlledShutdown", record.in_controlled_shutdown)?;
        let broker = self.broker_mut(record.broker_id, record.broker_epoch)?;
        broker.fenced = fenced.unwrap_or(broker.fenced);
        broker.in_controlled_shutdown = in_controlled_shutdown.unwrap_or(broker.in_controlled_shutdown);
        if !record.log_dirs.is_empty() {
            broker.log_dirs = sorted(&record.log_dirs);
        }
        if let Some(cordoned) = &record.cordoned_log_dirs {
            broker.cordoned_log_dirs = Some(sorted(cordoned));
        }
        Ok(())
    }

    fn replay_partition_change(&mut self, record: &PartitionChangeRecord) -> Result<(), ReplayError> {
        let (topic, index) = (record.topic_id, record.partition_id);
        let partition = self
            .topics
            .partition_by_id(&topic, index)
            .ok_or(ReplayError::UnknownPartition { topic, index })?;
        if let (Some(replicas), Some(directories)) = (&record.replicas, &record.directories)
            && !directories.is_empty()
            && directories.len() != replicas.len()
        {
            return Err(ReplayError::InvalidDirectories { topic, index });
        }
        let changed = partition.merged(record);
        self.topics.set_partition(&topic, index, changed);
        Ok(())
    }

    fn replay_clear_elr(&mut self, topic_name: &StrBytes) -> Result<(), ReplayError> {
        let topics: Vec<Arc<Topic>> = if topic_name.is_empty() {
            self.topics.iter().cloned().collect()
        } else {
            let topic = self.topics.by_name(topic_name);
            vec![topic.ok_or_else(|| ReplayError::UnknownTopic(topic_name.to_string()))?.clone()]
        };
        for topic in topics {
            for (index, partition) in &topic.partitions {
                if !partition.elr.is_empty() || !partition.last_known_elr.is_empty() {
                    let cleared = partition.merged(&PartitionChangeRecord {
                        partition_id: *index,
                        topic_id: topic.id,
                        eligible_leader_replicas: Some(Vec::new()),
                        last_known_elr: Some(Vec::new()),
                        ..PartitionChangeRecord::default()
                    });
                    self.topics.set_partition(&topic.id, *index, cleared);
                }
            }
        }
        Ok(())
    }

    fn replay_config(&mut self, record: &ConfigRecord) -> Result<(), ReplayError> {
        let resource_type =
            ResourceType::from_code(record.resource_type).ok_or(ReplayError::UnknownValue {
                field: "ResourceType",
                value: i64::from(record.resource_type),
            })?;
        if !is_config_known(resource_type, &record.name) {
            return Ok(());
        }
        let resource = ConfigResource { resource_type, name: record.resource_name.clone() };
        self.configs.set(resource, record.name.clone(), record.value.clone());
        Ok(())
    }
}

/// Keys that earlier releases had, such as `message.format.version` of topics, have no effect any longer, and would make
/// each further alteration of their resource fail. Brokers may have any key, for those of listeners are named by users.
fn is_config_known(resource_type: ResourceType, name: &str) -> bool {
    let table = match resource_type {
        ResourceType::Topic => &table::TOPIC,
        ResourceType::ClientMetrics => &table::CLIENT_METRICS,
        ResourceType::Group => &table::GROUP,
        ResourceType::Broker => return true,
        ResourceType::BrokerLogger => return false,
    };
    table.find(name).is_some()
}

fn sorted(ids: &[Uuid]) -> Vec<Uuid> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids
}

fn broker(record: &RegisterBrokerRecord) -> Broker {
    Broker {
        id: record.broker_id,
        epoch: record.broker_epoch,
        incarnation_id: record.incarnation_id,
        listeners: record
            .end_points
            .iter()
            .map(|endpoint| Endpoint {
                name: endpoint.name.clone(),
                host: endpoint.host.clone(),
                port: endpoint.port,
                security_protocol: endpoint.security_protocol,
            })
            .collect(),
        features: record
            .features
            .iter()
            .map(|feature| {
                let range =
                    LevelRange { min: feature.min_supported_version, max: feature.max_supported_version };
                (feature.name.clone(), range)
            })
            .collect(),
        rack: record.rack.clone(),
        fenced: record.fenced,
        in_controlled_shutdown: record.in_controlled_shutdown,
        is_migrating_zk_broker: record.is_migrating_zk_broker,
        log_dirs: sorted(&record.log_dirs),
        cordoned_log_dirs: record.cordoned_log_dirs.as_deref().map(sorted),
    }
}

fn controller(record: &RegisterControllerRecord) -> Controller {
    Controller {
        id: record.controller_id,
        incarnation_id: record.incarnation_id,
        zk_migration_ready: record.zk_migration_ready,
        listeners: record
            .end_points
            .iter()
            .map(|endpoint| Endpoint {
                name: endpoint.name.clone(),
                host: endpoint.host.clone(),
                port: endpoint.port,
                security_protocol: endpoint.security_protocol,
            })
            .collect(),
        features: record
            .features
            .iter()
            .map(|feature| {
                let range =
                    LevelRange { min: feature.min_supported_version, max: feature.max_supported_version };
                (feature.name.clone(), range)
            })
            .collect(),
    }
}
