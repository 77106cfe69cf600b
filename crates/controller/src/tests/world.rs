//! A controller without a log: outcomes are replayed at once.

use crate::*;
use klamm_config::BrokerConfig;
use klamm_metadata::MetadataImage;
use klamm_metadata::features::{MetadataVersion, supported_features};
use klamm_protocol::Uuid;
use klamm_protocol::api::broker_heartbeat::{BrokerHeartbeatRequest, BrokerHeartbeatResponse};
use klamm_protocol::api::broker_registration::{BrokerRegistrationRequest, Feature, Listener};
use klamm_protocol::api::controller_registration::ControllerRegistrationRequest;
use klamm_protocol::api::create_topics::{
    CreatableReplicaAssignment, CreatableTopic, CreateTopicsRequest, CreateTopicsResponse,
};
use klamm_protocol::metadata::MetadataRecord;
use klamm_timeline::StateMachine;
use std::collections::BTreeMap;
use std::time::Duration;

pub(super) const CLUSTER: &str = "cluster";

/// What a controller holds.
pub(super) struct World {
    pub(super) image: MetadataImage,
    pub(super) index: PartitionIndex,
    pub(super) config: BrokerConfig,
    pub(super) heartbeats: Heartbeats,
    pub(super) random: Random,
    pub(super) now: Duration,
    /// Everything appended, without offsets of control records.
    pub(super) log: Vec<MetadataRecord>,
    pub(super) end_offset: i64,
}

impl World {
    /// A cluster formatted at a level, with its first records.
    pub(super) fn new(version: MetadataVersion, properties: &[(&str, &str)]) -> Self {
        let mut all: BTreeMap<String, String> = [
            ("process.roles", "controller"),
            ("node.id", "3000"),
            ("listeners", "CONTROLLER://localhost:9093"),
            ("controller.listener.names", "CONTROLLER"),
            ("controller.quorum.voters", "3000@localhost:9093"),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
        all.extend(properties.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        let image = MetadataImage::default();
        let mut world = Self {
            heartbeats: Heartbeats::activate(&image, Duration::ZERO, Duration::from_secs(9)),
            image,
            index: PartitionIndex::default(),
            config: BrokerConfig::from_properties(&all).expect("a good config"),
            random: Random::new([7; 32]),
            now: Duration::ZERO,
            log: Vec::new(),
            end_offset: 3,
        };
        let levels = klamm_metadata::bootstrap::default_levels(version);
        let bootstrap = klamm_metadata::bootstrap::records(version, &levels);
        let records = activate(&world.context(), &bootstrap, false);
        world.apply(&records);
        world
    }

    /// As [`Self::new`], with unfenced brokers 0.. of which each has one log directory and, of three, a rack.
    pub(super) fn with_brokers(version: MetadataVersion, count: i32) -> Self {
        let mut world = Self::new(version, &[]);
        for id in 0..count {
            world.register(id, 1, -1).expect("registers");
            world.heartbeat(id, |_| {}).expect("unfences");
        }
        world
    }

    pub(super) fn context(&self) -> Context<'_> {
        Context { image: &self.image, index: &self.index, config: &self.config, forwarded: true }
    }

    pub(super) fn apply(&mut self, records: &[MetadataRecord]) {
        let before = self.image.clone();
        for record in records {
            self.image.replay(record);
            self.log.push(record.clone());
            self.end_offset += 1;
        }
        self.index.update(&before, &self.image, records);
        assert_eq!(self.index, PartitionIndex::of(&self.image), "the index has kept up");
    }

    pub(super) fn run<T>(&mut self, outcome: Outcome<T>) -> T {
        self.apply(&outcome.records);
        outcome.response
    }

    pub(super) fn register(&mut self, id: i32, incarnation: u128, previous: i64) -> Result<i64, ApiError> {
        let request = BrokerRegistrationRequest {
            broker_id: id,
            cluster_id: CLUSTER.into(),
            incarnation_id: Uuid::from_u128((incarnation << 64) + u128::from(id.unsigned_abs()) + 1000),
            listeners: vec![Listener {
                name: "EXTERNAL".into(),
                host: "localhost".into(),
                port: 9092,
                ..Default::default()
            }],
            features: supported_features(true)
                .into_iter()
                .map(|(name, min, max)| Feature {
                    name: name.into(),
                    min_supported_version: min,
                    max_supported_version: max,
                    ..Default::default()
                })
                .collect(),
            rack: None,
            log_dirs: vec![log_dir(id)],
            previous_broker_epoch: previous,
            ..Default::default()
        };
        let (context, heartbeats) = (
            Context { image: &self.image, index: &self.index, config: &self.config, forwarded: false },
            &mut self.heartbeats,
        );
        let claim = brokers::Claim { cluster_id: CLUSTER, kraft_version: 1, end_offset: self.end_offset };
        let outcome = brokers::register(&context, heartbeats, self.now, claim, &request)?;
        Ok(self.run(outcome).broker_epoch)
    }

    pub(super) fn register_controller(&mut self, request: &ControllerRegistrationRequest) {
        let context =
            Context { image: &self.image, index: &self.index, config: &self.config, forwarded: false };
        let outcome = controllers::register(&context, &mut self.heartbeats, request).expect("supported");
        self.run(outcome);
    }

    pub(super) fn heartbeat(
        &mut self,
        id: i32,
        change: impl FnOnce(&mut BrokerHeartbeatRequest),
    ) -> Result<BrokerHeartbeatResponse, ApiError> {
        let mut request = BrokerHeartbeatRequest {
            broker_id: id,
            broker_epoch: self.image.cluster.brokers.get(&id).map_or(-1, |broker| broker.epoch),
            current_metadata_offset: self.end_offset - 1,
            cordoned_log_dirs: None,
            ..Default::default()
        };
        change(&mut request);
        let context =
            Context { image: &self.image, index: &self.index, config: &self.config, forwarded: false };
        let outcome =
            brokers::heartbeat(&context, &mut self.heartbeats, self.now, &request, self.end_offset)?;
        Ok(self.run(outcome))
    }

    pub(super) fn create(&mut self, request: &CreateTopicsRequest) -> CreateTopicsResponse {
        let context =
            Context { image: &self.image, index: &self.index, config: &self.config, forwarded: true };
        let outcome = topics::create_topics(&context, &mut self.random, Access::ALL, request);
        self.run(outcome)
    }

    /// Creates a topic on given replicas.
    pub(super) fn create_on(&mut self, name: &str, replicas: &[&[i32]]) -> CreateTopicsResponse {
        let topic = CreatableTopic {
            num_partitions: -1,
            replication_factor: -1,
            assignments: (0..)
                .zip(replicas)
                .map(|(partition_index, broker_ids)| CreatableReplicaAssignment {
                    partition_index,
                    broker_ids: broker_ids.to_vec(),
                    ..Default::default()
                })
                .collect(),
            ..topic(name, 1, 1)
        };
        self.create(&CreateTopicsRequest { topics: vec![topic], ..Default::default() })
    }

    /// `leader isr elr` of a partition.
    pub(super) fn state(&self, topic: &str, index: i32) -> (i32, Vec<i32>, Vec<i32>) {
        let partition = self.image.topics.partition(topic, index).expect("exists");
        (partition.leader, partition.isr.clone(), partition.elr.clone())
    }
}

pub(super) fn log_dir(id: i32) -> Uuid {
    Uuid::from_u128(0xd1d1_0000_0000_0000_0000_0000_0000_0000 + u128::from(id.unsigned_abs()))
}

pub(super) fn topic(name: &str, num_partitions: i32, replication_factor: i16) -> CreatableTopic {
    CreatableTopic { name: name.into(), num_partitions, replication_factor, ..Default::default() }
}
