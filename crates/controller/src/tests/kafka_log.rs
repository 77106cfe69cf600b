//! The life of a standalone node, told by our decisions and by the log that Kafka 4.3.1 wrote of the same life.

use super::world::World;
use crate::*;
use bytes::Bytes;
use klamm_metadata::features::MetadataVersion;
use klamm_protocol::Uuid;
use klamm_protocol::api::assign_replicas_to_dirs::{
    AssignReplicasToDirsRequest, AssignReplicasToDirsRequestDirectoryData,
    AssignReplicasToDirsRequestPartitionData, AssignReplicasToDirsRequestTopicData,
};
use klamm_protocol::api::broker_registration::{BrokerRegistrationRequest, Feature, Listener};
use klamm_protocol::api::create_topics::{CreatableTopicConfig, CreateTopicsRequest};
use klamm_protocol::api::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use klamm_protocol::metadata::MetadataRecord;
use klamm_protocol::records::BatchIter;

fn kafkas() -> Vec<MetadataRecord> {
    let hex = include_str!("../../../metadata/testdata/metadata-log-4.2.hex");
    let digits: Vec<u32> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
    let log: Bytes =
        digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).expect("a byte")).collect();
    let mut records = Vec::new();
    for batch in BatchIter::new(log).map(|batch| batch.expect("undamaged")) {
        if !batch.header().is_control() {
            for record in batch.records().expect("not compressed") {
                let value = record.expect("undamaged").value.expect("a value");
                records.push(MetadataRecord::decode(value).expect("known").0);
            }
        }
    }
    // What happens by the clock, and the registrations, which tell of the machine they ran on.
    records.retain(|record| !matches!(record, MetadataRecord::NoOp(_)));
    records
}

/// Our record with Kafka's random and offset-born values in place of ours.
fn aligned(ours: &MetadataRecord, kafkas: &MetadataRecord) -> MetadataRecord {
    let mut ours = ours.clone();
    match (&mut ours, kafkas) {
        (MetadataRecord::RegisterController(ours), MetadataRecord::RegisterController(kafkas)) => {
            *ours = kafkas.clone();
        }
        (MetadataRecord::RegisterBroker(ours), MetadataRecord::RegisterBroker(kafkas)) => {
            assert!(ours.fenced && !ours.in_controlled_shutdown);
            *ours = kafkas.clone();
        }
        (
            MetadataRecord::BrokerRegistrationChange(ours),
            MetadataRecord::BrokerRegistrationChange(kafkas),
        ) => {
            ours.broker_epoch = kafkas.broker_epoch;
        }
        (MetadataRecord::Topic(ours), MetadataRecord::Topic(kafkas)) => ours.topic_id = kafkas.topic_id,
        (MetadataRecord::RemoveTopic(ours), MetadataRecord::RemoveTopic(kafkas)) => {
            ours.topic_id = kafkas.topic_id;
        }
        (MetadataRecord::Partition(ours), MetadataRecord::Partition(kafkas)) => {
            ours.topic_id = kafkas.topic_id;
        }
        (MetadataRecord::PartitionChange(ours), MetadataRecord::PartitionChange(kafkas)) => {
            ours.topic_id = kafkas.topic_id;
        }
        _ => {}
    }
    ours
}

fn register(world: &mut World, dirs: &[Uuid]) {
    let request = BrokerRegistrationRequest {
        broker_id: 0,
        cluster_id: super::world::CLUSTER.into(),
        incarnation_id: Uuid::from_u128(1 << 80),
        listeners: vec![Listener::default()],
        features: klamm_metadata::features::supported_features(false)
            .into_iter()
            .map(|(name, min, max)| Feature {
                name: name.into(),
                min_supported_version: min,
                max_supported_version: max,
                ..Default::default()
            })
            .collect(),
        log_dirs: dirs.to_vec(),
        ..Default::default()
    };
    let context =
        Context { image: &world.image, index: &world.index, config: &world.config, forwarded: false };
    let (now, end) = (world.now, world.end_offset);
    let claim = brokers::Claim { cluster_id: super::world::CLUSTER, kraft_version: 1, end_offset: end };
    let outcome = brokers::register(&context, &mut world.heartbeats, now, claim, &request);
    world.run(outcome.expect("registers"));
}

fn assign(world: &mut World, topic: &str, directory: Uuid, indexes: &[i32]) {
    let id = world.image.topics.by_name(topic).expect("exists").id;
    let request = AssignReplicasToDirsRequest {
        broker_id: 0,
        broker_epoch: world.image.cluster.brokers.get(&0).expect("registered").epoch,
        directories: vec![AssignReplicasToDirsRequestDirectoryData {
            id: directory,
            topics: vec![AssignReplicasToDirsRequestTopicData {
                topic_id: id,
                partitions: indexes
                    .iter()
                    .map(|index| AssignReplicasToDirsRequestPartitionData {
                        partition_index: *index,
                        ..Default::default()
                    })
                    .collect(),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let outcome = partitions::assign_replicas_to_dirs(&world.context(), &request).expect("assigns");
    world.run(outcome);
}

#[test]
fn our_records_are_kafkas() {
    let kafkas = kafkas();
    let dirs: Vec<Uuid> = kafkas
        .iter()
        .find_map(|record| match record {
            MetadataRecord::RegisterBroker(record) => Some(record.log_dirs.clone()),
            _ => None,
        })
        .expect("a broker registered");
    let assigned = |wanted: usize| {
        let mut changes = kafkas.iter().filter_map(|record| match record {
            MetadataRecord::PartitionChange(change) => change.directories.as_ref().map(|dirs| dirs[0]),
            _ => None,
        });
        changes.nth(wanted).expect("assigned")
    };

    let mut world = World::new(MetadataVersion::V4_2_IV1, &[]);
    world.register_controller(&Default::default());
    register(&mut world, &dirs);
    world.heartbeat(0, |_| {}).expect("unfences");
    let mut created = super::world::topic("foo.bar", 3, -1);
    created.configs = vec![CreatableTopicConfig {
        name: "retention.ms".into(),
        value: Some("1000".into()),
        ..Default::default()
    }];
    world.create(&CreateTopicsRequest { topics: vec![created], ..Default::default() });
    assign(&mut world, "foo.bar", assigned(0), &[0, 2]);
    assign(&mut world, "foo.bar", assigned(2), &[1]);
    world.create(&CreateTopicsRequest {
        topics: vec![super::world::topic("gone", -1, -1)],
        ..Default::default()
    });
    assign(&mut world, "gone", assigned(3), &[0]);
    let gone = DeleteTopicState { name: Some("gone".into()), ..Default::default() };
    let request = DeleteTopicsRequest { topics: vec![gone], ..Default::default() };
    let context =
        Context { image: &world.image, index: &world.index, config: &world.config, forwarded: true };
    let outcome = topics::delete_topics(&context, &mut world.random, Access::ALL, &request, 6);
    world.run(outcome);
    world.heartbeat(0, |request| request.want_shut_down = true).expect("shuts down");
    let reply = world.heartbeat(0, |request| request.want_shut_down = true).expect("shuts down");
    assert!(reply.should_shut_down && reply.is_fenced);

    let ours: Vec<_> = world.log.iter().zip(&kafkas).map(|(ours, kafkas)| aligned(ours, kafkas)).collect();
    for (at, (ours, kafkas)) in ours.iter().zip(&kafkas).enumerate() {
        assert_eq!(ours, kafkas, "record {at}");
    }
    assert_eq!(world.log.len(), kafkas.len());
}
