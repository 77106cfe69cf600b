//! A cluster that lives on at random, and what has to hold whatever happens to it.

use super::world::{World, log_dir, topic};
use crate::*;
use klamm_metadata::MetadataImage;
use klamm_metadata::features::MetadataVersion;
use klamm_metadata::image::{Partition, record_version};
use klamm_protocol::api::alter_partition::{
    AlterPartitionRequest, AlterPartitionRequestPartitionData, AlterPartitionRequestTopicData, BrokerState,
};
use klamm_protocol::api::alter_partition_reassignments::{
    AlterPartitionReassignmentsRequest, ReassignablePartition, ReassignableTopic,
};
use klamm_protocol::api::create_topics::{CreatableTopicConfig, CreateTopicsRequest};
use klamm_protocol::api::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use klamm_protocol::api::elect_leaders::ElectLeadersRequest;
use klamm_protocol::api::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use klamm_protocol::metadata::MetadataRecord;
use klamm_timeline::StateMachine;
use std::time::Duration;

const BROKERS: i32 = 4;

/// One more thing that happens.
fn step(world: &mut World, random: &mut Random) {
    let broker = i32::try_from(random.below(BROKERS as usize)).unwrap_or(0);
    world.now += Duration::from_millis(500);
    match random.below(16) {
        0 => drop(world.heartbeat(broker, |request| request.want_fence = true)),
        1..=3 => drop(world.heartbeat(broker, |_| {})),
        4 => drop(world.heartbeat(broker, |request| request.want_shut_down = true)),
        5 => {
            let previous = world.image.cluster.brokers.get(&broker).map_or(-1, |broker| broker.epoch);
            let clean = random.below(2) == 0;
            let incarnation = 2 + random.below(1000) as u128;
            drop(world.register(broker, incarnation, if clean { previous } else { -1 }));
        }
        6 => {
            let outcome = {
                let World { image, index, config, heartbeats, now, .. } = world;
                let context = Context { image, index, config, forwarded: false };
                brokers::fence_expired(&context, heartbeats, *now)
            };
            world.run(outcome);
        }
        7 => create(world, random),
        8 if random.below(4) == 0 => delete(world, random),
        9 => reassign(world, random),
        10 => {
            let request = ElectLeadersRequest {
                election_type: i8::from(random.below(2) == 0),
                topic_partitions: None,
                ..Default::default()
            };
            let outcome = partitions::elect_leaders(&world.context(), &request).expect("a known type");
            world.run(outcome);
        }
        11 => {
            let outcome = periodic::balance_leaders(&world.context());
            world.run(outcome);
        }
        12 => configure(world, random),
        13 => {
            let offline = vec![log_dir(broker)];
            drop(world.heartbeat(broker, |request| {
                request.offline_log_dirs = if random.below(8) == 0 { offline } else { Vec::new() };
            }));
        }
        _ => alter_isr(world, random),
    }
}

fn some_topic(world: &World, random: &mut Random) -> Option<(String, klamm_protocol::Uuid)> {
    let all: Vec<_> = world.image.topics.iter().collect();
    let topic = all.get(random.below(all.len()))?;
    Some((topic.name.to_string(), topic.id))
}

fn create(world: &mut World, random: &mut Random) {
    let replication_factor = 1 + i16::try_from(random.below(3)).unwrap_or(0);
    let mut new = topic(&format!("t{}", random.below(6)), 2, replication_factor);
    if random.below(2) == 0 {
        let name =
            if random.below(2) == 0 { "min.insync.replicas" } else { "unclean.leader.election.enable" };
        let value = if name.starts_with("min") { "2" } else { "true" };
        new.configs =
            vec![CreatableTopicConfig { name: name.into(), value: Some(value.into()), ..Default::default() }];
    }
    world.create(&CreateTopicsRequest { topics: vec![new], ..Default::default() });
}

fn delete(world: &mut World, random: &mut Random) {
    let Some((_, topic_id)) = some_topic(world, random) else { return };
    let request = DeleteTopicsRequest {
        topics: vec![DeleteTopicState { name: None, topic_id, ..Default::default() }],
        ..Default::default()
    };
    let outcome = topics::delete_topics(&world.context(), random, Access::ALL, &request, 6);
    world.run(outcome);
}

fn reassign(world: &mut World, random: &mut Random) {
    let Some((name, _)) = some_topic(world, random) else { return };
    let mut brokers: Vec<i32> = (0..BROKERS).collect();
    random.shuffle(&mut brokers);
    brokers.truncate(1 + random.below(3));
    let replicas = (random.below(4) > 0).then_some(brokers);
    let request = AlterPartitionReassignmentsRequest {
        allow_replication_factor_change: true,
        topics: vec![ReassignableTopic {
            name: name.as_str().into(),
            partitions: vec![ReassignablePartition { partition_index: 0, replicas, ..Default::default() }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let outcome = partitions::alter_partition_reassignments(&world.context(), &request);
    world.run(outcome);
}

fn configure(world: &mut World, random: &mut Random) {
    let Some((name, _)) = some_topic(world, random) else { return };
    let (resource_type, resource) = if random.below(4) == 0 { (4, "") } else { (2, name.as_str()) };
    let (key, values) = match random.below(2) {
        0 => ("min.insync.replicas", ["1", "2", "3"]),
        _ => ("unclean.leader.election.enable", ["true", "false", "false"]),
    };
    let value = values[random.below(3)];
    let request = IncrementalAlterConfigsRequest {
        resources: vec![AlterConfigsResource {
            resource_type,
            resource_name: resource.into(),
            configs: vec![AlterableConfig {
                name: key.into(),
                value: Some(value.into()),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let outcome = configs::incremental_alter_configs(world.context(), &request);
    world.run(outcome);
}

/// The leader of some partition proposes some in-sync set.
fn alter_isr(world: &mut World, random: &mut Random) {
    let Some((_, topic_id)) = some_topic(world, random) else { return };
    let partition = world.image.topics.partition_by_id(&topic_id, 0).expect("each has one").clone();
    let epoch = |id: &i32| world.image.cluster.brokers.get(id).map_or(-1, |broker| broker.epoch);
    let mut isr = partition.replicas.clone();
    isr.retain(|id| *id == partition.leader || random.below(3) > 0);
    let data = AlterPartitionRequestPartitionData {
        partition_index: 0,
        leader_epoch: partition.leader_epoch,
        partition_epoch: partition.partition_epoch,
        new_isr_with_epochs: isr
            .iter()
            .map(|id| BrokerState { broker_id: *id, broker_epoch: epoch(id), ..Default::default() })
            .collect(),
        ..Default::default()
    };
    let request = AlterPartitionRequest {
        broker_id: partition.leader,
        broker_epoch: epoch(&partition.leader),
        topics: vec![AlterPartitionRequestTopicData {
            topic_id,
            partitions: vec![data],
            ..Default::default()
        }],
        ..Default::default()
    };
    if let Ok(outcome) = partitions::alter_partition(&world.context(), &request, 3) {
        world.run(outcome);
    }
}

fn check(world: &World, what: &str) {
    let cluster = &world.image.cluster;
    for topic in world.image.topics.iter() {
        for (index, partition) in &topic.partitions {
            let Partition { replicas, isr, elr, leader, .. } = &**partition;
            let state = format!("{what}: {}-{index} {partition:?}", topic.name);
            assert!(isr.iter().chain(elr).all(|id| replicas.contains(id)), "{state}");
            assert!(!elr.iter().any(|id| isr.contains(id)), "{state}");
            assert_eq!(partition.directories.len(), replicas.len(), "{state}");
            if partition.has_leader() {
                assert!(isr.contains(leader), "a leader is in sync: {state}");
                // One that comes back under the same registration after a shutdown may lead, though its mark stays.
                assert!(cluster.brokers.get(leader).is_some_and(|broker| !broker.fenced), "{state}");
            }
        }
    }
    let version = world.image.features.metadata_version_or_minimum();
    let mut rebuilt = MetadataImage::default();
    for record in world.image.snapshot() {
        let bytes = record.to_bytes(record_version(version, &record)).expect("the version has the fields");
        rebuilt.replay(&MetadataRecord::decode(bytes).expect("what was written").0);
    }
    assert!(rebuilt == world.image, "a snapshot is the image: {what}");
}

#[test]
fn whatever_happens_the_metadata_stays_sound() {
    for version in [MetadataVersion::V3_7_IV2, MetadataVersion::V4_0_IV2, MetadataVersion::V4_3_IV0] {
        for seed in 0..6 {
            let mut random = Random::new([seed; 32]);
            let mut world = World::with_brokers(version, BROKERS);
            for number in 0..250 {
                let records = world.log.len();
                step(&mut world, &mut random);
                let new = world.log.get(records..).unwrap_or_default();
                check(&world, &format!("{version} seed {seed} step {number}: {new:?}"));
            }
        }
    }
}
