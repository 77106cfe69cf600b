//! Writing an image out as the records that rebuild it.

use super::{Broker, Controller, Endpoint, LevelRange, Map, MetadataImage, Partition, directory};
use crate::features::MetadataVersion;
use klamm_protocol::metadata::{
    BrokerEndpoint, BrokerFeature, ClientQuotaRecord, ConfigRecord, ControllerEndpoint, ControllerFeature,
    EntityData, FeatureLevelRecord, MetadataRecord, PartitionRecord, ProducerIdsRecord, RegisterBrokerRecord,
    RegisterControllerRecord, TopicRecord,
};
use klamm_protocol::{StrBytes, Uuid};

impl MetadataImage {
    /// The records that rebuild the image, in Kafka's order: features (`metadata.version` first, since it decides how
    /// the rest is to be read), cluster, topics, configs, client quotas, producer ids, access control, SCRAM,
    /// delegation tokens.
    ///
    /// What the image's `metadata.version` cannot express is left out, as in a lossy downgrade.
    pub fn snapshot(&self) -> impl Iterator<Item = MetadataRecord> + '_ {
        let version = self.features.metadata_version_or_minimum();
        self.feature_records(version)
            .chain(self.cluster_records(version))
            .chain(self.topic_records(version))
            .chain(self.config_records())
            .chain(self.quota_and_producer_id_records())
            .chain(self.security_records(version))
    }

    fn feature_records(&self, version: MetadataVersion) -> impl Iterator<Item = MetadataRecord> + '_ {
        let level = |name: StrBytes, feature_level| {
            MetadataRecord::FeatureLevel(FeatureLevelRecord { name, feature_level, ..Default::default() })
        };
        std::iter::once(level(StrBytes::from(MetadataVersion::FEATURE_NAME), version.level()))
            .chain(self.features.levels.iter().map(move |(name, feature)| level(name.clone(), *feature)))
    }

    fn cluster_records(&self, version: MetadataVersion) -> impl Iterator<Item = MetadataRecord> + '_ {
        let brokers = self
            .cluster
            .brokers
            .values()
            .map(move |broker| MetadataRecord::RegisterBroker(broker.to_record(version)));
        let controllers = self
            .cluster
            .controllers
            .values()
            .filter(move |_| version.is_controller_registration_supported())
            .map(|controller| MetadataRecord::RegisterController(controller.to_record()));
        brokers.chain(controllers)
    }

    fn topic_records(&self, version: MetadataVersion) -> impl Iterator<Item = MetadataRecord> + '_ {
        let elr = self.features.is_elr_enabled();
        self.topics.iter_by_id().flat_map(move |topic| {
            let record = TopicRecord { name: topic.name.clone(), topic_id: topic.id, ..Default::default() };
            std::iter::once(MetadataRecord::Topic(record)).chain(topic.partitions.iter().map(
                move |(index, partition)| {
                    MetadataRecord::Partition(partition.to_record(topic.id, *index, version, elr))
                },
            ))
        })
    }

    fn config_records(&self) -> impl Iterator<Item = MetadataRecord> + '_ {
        self.configs.iter().flat_map(|(resource, values)| {
            values.iter().map(move |(name, value)| {
                MetadataRecord::Config(ConfigRecord {
                    resource_type: resource.resource_type.code(),
                    resource_name: resource.name.clone(),
                    name: name.clone(),
                    value: Some(value.clone()),
                    ..Default::default()
                })
            })
        })
    }

    fn quota_and_producer_id_records(&self) -> impl Iterator<Item = MetadataRecord> + '_ {
        let quotas = self.client_quotas.iter().flat_map(|(entity, quotas)| {
            quotas.iter().map(move |(key, value)| {
                let entity = entity.iter().map(|(entity_type, entity_name)| EntityData {
                    entity_type: entity_type.clone(),
                    entity_name: entity_name.clone(),
                    ..Default::default()
                });
                MetadataRecord::ClientQuota(ClientQuotaRecord {
                    entity: entity.collect(),
                    key: key.clone(),
                    value: value.0,
                    remove: false,
                    ..Default::default()
                })
            })
        });
        let producer_ids = self.next_producer_id.map(|next_producer_id| {
            MetadataRecord::ProducerIds(ProducerIdsRecord {
                broker_id: -1,
                broker_epoch: -1,
                next_producer_id,
                ..Default::default()
            })
        });
        quotas.chain(producer_ids)
    }

    fn security_records(&self, version: MetadataVersion) -> impl Iterator<Item = MetadataRecord> + '_ {
        let acls =
            self.acls.entries.values().map(|entry| MetadataRecord::AccessControlEntry((**entry).clone()));
        let scram = self
            .scram
            .credentials
            .values()
            .filter(move |_| version.is_scram_supported())
            .map(|credential| MetadataRecord::UserScramCredential((**credential).clone()));
        let tokens = self
            .delegation_tokens
            .tokens
            .values()
            .filter(move |_| version.is_delegation_token_supported())
            .map(|token| MetadataRecord::DelegationToken((**token).clone()));
        acls.chain(scram).chain(tokens)
    }
}

impl Partition {
    /// The record that creates the partition as it is. `elr`: whether eligible leader replicas are enabled.
    pub fn to_record(
        &self,
        topic_id: Uuid,
        partition_id: i32,
        version: MetadataVersion,
        elr: bool,
    ) -> PartitionRecord {
        // Tagged fields, only written when they say something.
        let elr = elr && version.is_elr_supported();
        let members = |ids: &Vec<i32>| (elr && !ids.is_empty()).then(|| ids.clone());
        PartitionRecord {
            partition_id,
            topic_id,
            replicas: self.replicas.clone(),
            isr: self.isr.clone(),
            removing_replicas: self.removing_replicas.clone(),
            adding_replicas: self.adding_replicas.clone(),
            leader: self.leader,
            leader_recovery_state: self.leader_recovery_state.code(),
            leader_epoch: self.leader_epoch,
            partition_epoch: self.partition_epoch,
            directories: if version.is_directory_assignment_supported() {
                self.directories.clone()
            } else {
                Vec::new()
            },
            eligible_leader_replicas: members(&self.elr),
            last_known_elr: members(&self.last_known_elr),
            ..Default::default()
        }
    }

    /// Every replica in a directory that nobody has told yet.
    pub fn unassigned_directories(replica_count: usize) -> Vec<Uuid> {
        vec![directory::UNASSIGNED; replica_count]
    }
}

impl Broker {
    /// The record that registers the broker as it is.
    pub fn to_record(&self, version: MetadataVersion) -> RegisterBrokerRecord {
        RegisterBrokerRecord {
            broker_id: self.id,
            is_migrating_zk_broker: self.is_migrating_zk_broker && version >= MetadataVersion::V3_4_IV0,
            incarnation_id: self.incarnation_id,
            broker_epoch: self.epoch,
            end_points: self.listeners.iter().map(broker_endpoint).collect(),
            features: broker_features(&self.features),
            rack: self.rack.clone(),
            fenced: self.fenced,
            in_controlled_shutdown: self.in_controlled_shutdown,
            log_dirs: if version.is_directory_assignment_supported() {
                self.log_dirs.clone()
            } else {
                Vec::new()
            },
            cordoned_log_dirs: if version.is_cordoned_log_dirs_supported() {
                self.cordoned_log_dirs.clone()
            } else {
                None
            },
            ..Default::default()
        }
    }
}

fn broker_endpoint(endpoint: &Endpoint) -> BrokerEndpoint {
    BrokerEndpoint {
        name: endpoint.name.clone(),
        host: endpoint.host.clone(),
        port: endpoint.port,
        security_protocol: endpoint.security_protocol,
        ..Default::default()
    }
}

fn broker_features(features: &Map<StrBytes, LevelRange>) -> Vec<BrokerFeature> {
    features
        .iter()
        .map(|(name, range)| BrokerFeature {
            name: name.clone(),
            min_supported_version: range.min,
            max_supported_version: range.max,
            ..Default::default()
        })
        .collect()
}

impl Controller {
    /// The record that registers the controller as it is.
    pub fn to_record(&self) -> RegisterControllerRecord {
        RegisterControllerRecord {
            controller_id: self.id,
            incarnation_id: self.incarnation_id,
            zk_migration_ready: self.zk_migration_ready,
            end_points: self
                .listeners
                .iter()
                .map(|endpoint| ControllerEndpoint {
                    name: endpoint.name.clone(),
                    host: endpoint.host.clone(),
                    port: endpoint.port,
                    security_protocol: endpoint.security_protocol,
                    ..Default::default()
                })
                .collect(),
            features: self
                .features
                .iter()
                .map(|(name, range)| ControllerFeature {
                    name: name.clone(),
                    min_supported_version: range.min,
                    max_supported_version: range.max,
                    ..Default::default()
                })
                .collect(),
            ..Default::default()
        }
    }
}
