use super::world::World;
use crate::partitions::{alter_partition, alter_partition_reassignments, elect_leaders};
use klamm_metadata::features::MetadataVersion;
use klamm_protocol::ErrorCode;
use klamm_protocol::api::alter_partition::{
    AlterPartitionRequest, AlterPartitionRequestPartitionData, AlterPartitionRequestTopicData, BrokerState,
};
use klamm_protocol::api::alter_partition_reassignments::{
    AlterPartitionReassignmentsRequest, ReassignablePartition, ReassignableTopic,
};
use klamm_protocol::api::elect_leaders::{ElectLeadersRequest, TopicPartitions};
use std::time::Duration;

fn world() -> World {
    world_of(4)
}

fn world_of(brokers: i32) -> World {
    let mut world = World::with_brokers(MetadataVersion::V4_3_IV0, brokers);
    world.create_on("t", &[&[0, 1, 2]]);
    world
}

/// The leader proposes an in-sync set; the answer's code.
fn alter_isr(
    world: &mut World,
    broker: i32,
    isr: &[i32],
    change: impl FnOnce(&mut AlterPartitionRequestPartitionData),
) -> ErrorCode {
    let topic = world.image.topics.by_name("t").expect("exists").clone();
    let partition = topic.partitions.get(&0).expect("exists");
    let epoch = |id: &i32| world.image.cluster.brokers.get(id).map_or(-1, |broker| broker.epoch);
    let mut data = AlterPartitionRequestPartitionData {
        partition_index: 0,
        leader_epoch: partition.leader_epoch,
        partition_epoch: partition.partition_epoch,
        new_isr_with_epochs: isr
            .iter()
            .map(|id| BrokerState { broker_id: *id, broker_epoch: epoch(id), ..Default::default() })
            .collect(),
        ..Default::default()
    };
    change(&mut data);
    let request = AlterPartitionRequest {
        broker_id: broker,
        broker_epoch: epoch(&broker),
        topics: vec![AlterPartitionRequestTopicData {
            topic_id: topic.id,
            partitions: vec![data],
            ..Default::default()
        }],
        ..Default::default()
    };
    let outcome = alter_partition(&world.context(), &request, 3).expect("a known broker");
    let response = world.run(outcome);
    ErrorCode::from_code(response.topics[0].partitions[0].error_code)
}

#[test]
fn only_the_leader_of_this_very_epoch_changes_the_isr() {
    let mut world = world();
    assert_eq!(alter_isr(&mut world, 0, &[0, 1], |_| {}), ErrorCode::None);
    assert_eq!(world.state("t", 0), (0, vec![0, 1], vec![]));
    for (broker, isr, change, expect) in [
        (1, &[0, 1][..], (|_| {}) as fn(&mut AlterPartitionRequestPartitionData), ErrorCode::InvalidRequest),
        (0, &[1], |_| {}, ErrorCode::InvalidRequest),
        (0, &[0, 3], |_| {}, ErrorCode::InvalidRequest),
        (0, &[0, 0], |_| {}, ErrorCode::InvalidRequest),
        (0, &[0, 1], |data| data.leader_epoch += 1, ErrorCode::NotController),
        (0, &[0, 1], |data| data.leader_epoch -= 1, ErrorCode::FencedLeaderEpoch),
        (0, &[0, 1], |data| data.partition_epoch += 1, ErrorCode::NotController),
        (0, &[0, 1], |data| data.partition_epoch -= 1, ErrorCode::InvalidUpdateVersion),
        (0, &[0, 1], |data| data.leader_recovery_state = 1, ErrorCode::InvalidRequest),
        (0, &[0, 1], |data| data.partition_index = 7, ErrorCode::UnknownTopicOrPartition),
        (0, &[0, 1], |data| data.new_isr_with_epochs[1].broker_epoch = 1, ErrorCode::IneligibleReplica),
    ] {
        assert_eq!(alter_isr(&mut world, broker, isr, change), expect, "{broker} {isr:?}");
    }
    assert_eq!(world.state("t", 0), (0, vec![0, 1], vec![]));
}

#[test]
fn below_the_minimum_those_who_leave_stay_eligible() {
    let mut world = World::new(MetadataVersion::V4_3_IV0, &[("min.insync.replicas", "2")]);
    for id in 0..3 {
        world.register(id, 1, -1).expect("registers");
        world.heartbeat(id, |_| {}).expect("unfences");
    }
    world.create_on("t", &[&[0, 1, 2]]);
    alter_isr(&mut world, 0, &[0, 1], |_| {});
    assert_eq!(world.state("t", 0), (0, vec![0, 1], vec![]));
    alter_isr(&mut world, 0, &[0], |_| {});
    assert_eq!(world.state("t", 0), (0, vec![0], vec![1]));
    world.heartbeat(0, |request| request.want_fence = true).expect("known");
    assert_eq!(world.state("t", 0), (1, vec![1], vec![0]), "an eligible replica takes over");
    world.heartbeat(1, |request| request.want_fence = true).expect("known");
    assert_eq!(world.state("t", 0), (-1, vec![], vec![0, 1]));
    world.heartbeat(0, |_| {}).expect("known");
    assert_eq!(world.state("t", 0), (0, vec![0], vec![1]));
    world.heartbeat(1, |_| {}).expect("known");
    alter_isr(&mut world, 0, &[0, 1], |_| {});
    assert_eq!(world.state("t", 0), (0, vec![0, 1], vec![]), "enough are in sync");
}

fn elect(world: &mut World, election_type: i8, partitions: Vec<i32>) -> Vec<(i32, ErrorCode)> {
    let request = ElectLeadersRequest {
        election_type,
        topic_partitions: Some(vec![TopicPartitions { topic: "t".into(), partitions, ..Default::default() }]),
        ..Default::default()
    };
    let outcome = elect_leaders(&world.context(), &request).expect("a known type");
    let response = world.run(outcome);
    let results = &response.replica_election_results[0].partition_result;
    results.iter().map(|result| (result.partition_id, ErrorCode::from_code(result.error_code))).collect()
}

#[test]
fn the_preferred_leader_comes_back_when_asked_for() {
    let mut world = world();
    world.heartbeat(0, |request| request.want_fence = true).expect("known");
    assert_eq!(world.state("t", 0).0, 1);
    assert_eq!(elect(&mut world, 0, vec![0]), [(0, ErrorCode::PreferredLeaderNotAvailable)]);
    world.heartbeat(0, |_| {}).expect("known");
    alter_isr(&mut world, 1, &[1, 2, 0], |_| {});
    let expect = [(0, ErrorCode::None), (5, ErrorCode::UnknownTopicOrPartition)];
    assert_eq!(elect(&mut world, 0, vec![0, 5]), expect);
    assert_eq!(world.state("t", 0).0, 0);
    assert_eq!(elect(&mut world, 0, vec![0]), [(0, ErrorCode::ElectionNotNeeded)]);
}

#[test]
fn an_unclean_election_says_that_the_leader_recovers() {
    let mut world = World::with_brokers(MetadataVersion::V4_0_IV0, 2);
    world.create_on("t", &[&[0, 1]]);
    alter_isr(&mut world, 0, &[0], |_| {});
    world.heartbeat(0, |request| request.want_fence = true).expect("known");
    assert_eq!(world.state("t", 0), (-1, vec![0], vec![]), "without ELR the last in sync stays");
    assert_eq!(elect(&mut world, 1, vec![0]), [(0, ErrorCode::None)]);
    assert_eq!(world.state("t", 0), (1, vec![1], vec![]));
    let partition = world.image.topics.partition("t", 0).expect("exists").clone();
    assert_eq!(partition.leader_recovery_state.code(), 1);
    let recover = |data: &mut AlterPartitionRequestPartitionData| data.leader_recovery_state = 0;
    assert_eq!(alter_isr(&mut world, 1, &[1], recover), ErrorCode::None);
    assert_eq!(world.image.topics.partition("t", 0).expect("exists").leader_recovery_state.code(), 0);
}

fn reassign(world: &mut World, replicas: Option<Vec<i32>>) -> ErrorCode {
    let request = AlterPartitionReassignmentsRequest {
        allow_replication_factor_change: true,
        topics: vec![ReassignableTopic {
            name: "t".into(),
            partitions: vec![ReassignablePartition { partition_index: 0, replicas, ..Default::default() }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let outcome = alter_partition_reassignments(&world.context(), &request);
    let response = world.run(outcome);
    ErrorCode::from_code(response.responses[0].partitions[0].error_code)
}

#[test]
fn a_reassignment_ends_when_the_new_replicas_are_in_sync() {
    let mut world = world();
    assert_eq!(reassign(&mut world, Some(vec![3, 1, 2])), ErrorCode::None);
    let partition = world.image.topics.partition("t", 0).expect("exists").clone();
    assert_eq!(
        (&partition.replicas[..], &partition.removing_replicas[..], &partition.adding_replicas[..]),
        (&[3, 1, 2, 0][..], &[0][..], &[3][..])
    );
    // The leader is among those that go, and learns of its successor first.
    assert_eq!(alter_isr(&mut world, 0, &[0, 1, 2, 3], |_| {}), ErrorCode::NewLeaderElected);
    let partition = world.image.topics.partition("t", 0).expect("exists").clone();
    assert_eq!((&partition.replicas[..], partition.leader), (&[3, 1, 2][..], 3));
    assert!(!partition.is_reassigning());
    assert_eq!(reassign(&mut world, None), ErrorCode::NoReassignmentInProgress);
}

#[test]
fn a_reassignment_can_be_taken_back() {
    let mut world = world();
    assert_eq!(reassign(&mut world, Some(vec![3])), ErrorCode::None);
    assert_eq!(reassign(&mut world, None), ErrorCode::None);
    let partition = world.image.topics.partition("t", 0).expect("exists").clone();
    assert_eq!((&partition.replicas[..], partition.leader), (&[0, 1, 2][..], 0));
    assert!(!partition.is_reassigning());
}

#[test]
fn a_reassignment_that_replaces_another_can_be_taken_back() {
    // The first and the second target, and what goes and comes after the second.
    let rows: [[&[i32]; 4]; 3] = [
        [&[3, 1, 2], &[3, 2], &[0, 1], &[3]],
        [&[3, 1, 2], &[4, 1, 2], &[0, 3], &[3, 4]],
        [&[3, 4], &[4], &[0, 1, 2, 3], &[3, 4]],
    ];
    for [first, second, removing, adding] in rows {
        let mut world = world_of(5);
        assert_eq!(reassign(&mut world, Some(first.to_vec())), ErrorCode::None);
        assert_eq!(reassign(&mut world, Some(second.to_vec())), ErrorCode::None);
        let partition = world.image.topics.partition("t", 0).expect("exists").clone();
        assert_eq!((&partition.removing_replicas[..], &partition.adding_replicas[..]), (removing, adding));
        assert_eq!(reassign(&mut world, None), ErrorCode::None);
        let partition = world.image.topics.partition("t", 0).expect("exists").clone();
        let mut replicas = partition.replicas.clone();
        replicas.sort_unstable();
        assert_eq!((replicas, partition.is_reassigning()), (vec![0, 1, 2], false), "{second:?}");
    }
}

#[test]
fn a_replacing_reassignment_does_not_wait_for_what_it_gives_up() {
    let mut world = world_of(5);
    assert_eq!(reassign(&mut world, Some(vec![3, 1, 2])), ErrorCode::None);
    assert_eq!(reassign(&mut world, Some(vec![4, 1, 2])), ErrorCode::None);
    alter_isr(&mut world, 0, &[0, 1, 2, 4], |_| {});
    let partition = world.image.topics.partition("t", 0).expect("exists");
    assert_eq!((&partition.replicas[..], partition.is_reassigning()), (&[4, 1, 2][..], false));
}

#[test]
fn what_a_request_asks_for_beyond_the_limit_is_refused() {
    let mut world = world();
    let one = ReassignablePartition { partition_index: 0, replicas: Some(vec![3]), ..Default::default() };
    let request = AlterPartitionReassignmentsRequest {
        topics: vec![ReassignableTopic {
            name: "t".into(),
            partitions: vec![one; crate::RECORDS_PER_REQUEST_MAX + 1],
            ..Default::default()
        }],
        ..Default::default()
    };
    let outcome = alter_partition_reassignments(&world.context(), &request);
    assert_eq!(outcome.records.len(), crate::RECORDS_PER_REQUEST_MAX);
    let response = world.run(outcome);
    let last = response.responses[0].partitions.last().expect("as many as were asked for");
    assert_eq!(ErrorCode::from_code(last.error_code), ErrorCode::PolicyViolation);
}

#[test]
fn sessions_end_in_the_order_of_silence() {
    let mut world = world();
    for id in [2, 0, 1, 3] {
        world.now += Duration::from_secs(1);
        world.heartbeat(id, |_| {}).expect("known");
    }
    world.now += Duration::from_secs(60);
    let mut order = Vec::new();
    loop {
        let context = crate::Context {
            image: &world.image,
            index: &world.index,
            config: &world.config,
            forwarded: false,
        };
        let outcome = crate::brokers::fence_expired(&context, &mut world.heartbeats, world.now);
        match world.run(outcome) {
            Some(id) => order.push(id),
            None => break,
        }
    }
    assert_eq!(order, [2, 0, 1, 3]);
}
