//! The state of share partitions over two brokers, as their leaders and group coordinators have it kept.

use klamm_protocol::{
    ErrorCode, Uuid,
    api::{
        delete_share_group_state::{self, DeleteShareGroupStateRequest, DeleteStateData},
        find_coordinator::FindCoordinatorRequest,
        initialize_share_group_state::{self, InitializeShareGroupStateRequest, InitializeStateData},
        list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic},
        read_share_group_state::{self, ReadShareGroupStateRequest, ReadStateData},
        read_share_group_state_summary::{self, ReadShareGroupStateSummaryRequest, ReadStateSummaryData},
        write_share_group_state::{self, WriteShareGroupStateRequest, WriteStateData},
    },
};

use crate::harness::{TestNode, beside_others, eventually, fresh_dir};

const SETTINGS: &[(&str, &str)] = &[
    ("share.coordinator.state.topic.replication.factor", "1"),
    ("share.coordinator.state.topic.min.isr", "1"),
    ("share.coordinator.state.topic.num.partitions", "4"),
    ("share.coordinator.state.topic.prune.interval.ms", "100"),
    ("share.coordinator.snapshot.update.records.per.snapshot", "2"),
];
const STATE_TOPIC: &str = "__share_group_state";

fn coordinator_of(node: &TestNode, key: &str) -> (i16, i32) {
    let request =
        FindCoordinatorRequest { key_type: 2, coordinator_keys: vec![key.into()], ..Default::default() };
    let answer = node.connect().call(&request, 6);
    (answer.coordinators[0].error_code, answer.coordinators[0].node_id)
}

/// One share partition of a group.
struct Share<'a> {
    group: &'a str,
    topic_id: Uuid,
}

impl Share<'_> {
    /// The broker that coordinates partition 0 of the topic.
    fn coordinator(&self, node: &TestNode) -> i32 {
        let key = format!("{}:{}:0", self.group, self.topic_id);
        let mut found = -1;
        eventually("a coordinator", || {
            found = coordinator_of(node, &key).1;
            found >= 0
        });
        found
    }

    fn initialize(&self, node: &TestNode, state_epoch: i32) -> i16 {
        let partitions = vec![initialize_share_group_state::PartitionData {
            state_epoch,
            start_offset: -1,
            ..Default::default()
        }];
        let topics = vec![InitializeStateData { topic_id: self.topic_id, partitions, ..Default::default() }];
        let group_id = self.group.into();
        let request = InitializeShareGroupStateRequest { group_id, topics, ..Default::default() };
        node.connect().call(&request, 0).results[0].partitions[0].error_code
    }

    fn write(&self, node: &TestNode, start_offset: i64, first: i64, last: i64) -> i16 {
        let state_batches = vec![write_share_group_state::StateBatch {
            first_offset: first,
            last_offset: last,
            delivery_state: 2,
            delivery_count: 1,
            ..Default::default()
        }];
        let partitions = vec![write_share_group_state::PartitionData {
            state_epoch: 1,
            start_offset,
            delivery_complete_count: 7,
            state_batches,
            ..Default::default()
        }];
        let topics = vec![WriteStateData { topic_id: self.topic_id, partitions, ..Default::default() }];
        let request =
            WriteShareGroupStateRequest { group_id: self.group.into(), topics, ..Default::default() };
        node.connect().call(&request, 1).results[0].partitions[0].error_code
    }

    /// Error, start offset, and first and last offset of each batch.
    fn read(&self, node: &TestNode, leader_epoch: i32) -> (ErrorCode, i64, Vec<(i64, i64)>) {
        let partitions = vec![read_share_group_state::PartitionData { leader_epoch, ..Default::default() }];
        let topics = vec![ReadStateData { topic_id: self.topic_id, partitions, ..Default::default() }];
        let request =
            ReadShareGroupStateRequest { group_id: self.group.into(), topics, ..Default::default() };
        let answer = node.connect().call(&request, 0);
        let result = &answer.results[0].partitions[0];
        let batches = result.state_batches.iter().map(|batch| (batch.first_offset, batch.last_offset));
        (ErrorCode::from_code(result.error_code), result.start_offset, batches.collect())
    }

    /// Start offset and count of completed deliveries.
    fn summary(&self, node: &TestNode) -> (i64, i32) {
        let partitions = vec![read_share_group_state_summary::PartitionData::default()];
        let topics = vec![ReadStateSummaryData { topic_id: self.topic_id, partitions, ..Default::default() }];
        let request =
            ReadShareGroupStateSummaryRequest { group_id: self.group.into(), topics, ..Default::default() };
        let answer = node.connect().call(&request, 1);
        let result = &answer.results[0].partitions[0];
        (result.start_offset, result.delivery_complete_count)
    }

    fn delete(&self, node: &TestNode) -> i16 {
        let partitions = vec![delete_share_group_state::PartitionData::default()];
        let topics = vec![DeleteStateData { topic_id: self.topic_id, partitions, ..Default::default() }];
        let request =
            DeleteShareGroupStateRequest { group_id: self.group.into(), topics, ..Default::default() };
        node.connect().call(&request, 0).results[0].partitions[0].error_code
    }
}

fn topic_id(node: &TestNode, topic: &str) -> Uuid {
    node.connect().metadata(Some(&[topic])).topics[0].topic_id
}

/// The first offsets of the partitions of `__share_group_state` that a node leads.
fn log_starts(node: &TestNode) -> Vec<i64> {
    let partitions = (0..4)
        .map(|partition_index| ListOffsetsPartition {
            partition_index,
            timestamp: -2,
            current_leader_epoch: -1,
            ..Default::default()
        })
        .collect();
    let topics = vec![ListOffsetsTopic { name: STATE_TOPIC.into(), partitions, ..Default::default() }];
    let request = ListOffsetsRequest { replica_id: -1, topics, ..Default::default() };
    let answer = node.connect().call(&request, 7);
    let led = answer.topics[0].partitions.iter().filter(|partition| partition.error_code == 0);
    led.map(|partition| partition.offset).collect()
}

#[test]
fn states_are_kept_by_their_coordinators_and_outlast_them() {
    let _beside = beside_others();
    let first = TestNode::start("shares-1", SETTINGS);
    let second = first.start_broker(fresh_dir("shares-2"), 2, SETTINGS);
    first.create_topic("work", 1, &[]);
    let topic_id = topic_id(&first, "work");
    let groups = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let shares: Vec<Share<'_>> = groups.iter().map(|group| Share { group, topic_id }).collect();
    let places: Vec<i32> = shares.iter().map(|share| share.coordinator(&first)).collect();
    assert!(places.contains(&1) && places.contains(&2), "both brokers have some: {places:?}");
    for (share, place) in shares.iter().zip(&places) {
        let (node, other) = if *place == 1 { (&first, &second) } else { (&second, &first) };
        eventually("a coordinator that has loaded", || share.initialize(node, 1) == 0);
        assert_eq!(ErrorCode::from_code(share.initialize(other, 1)), ErrorCode::NotCoordinator);
        assert_eq!(share.read(node, 3), (ErrorCode::None, -1, vec![]));
        // The writer's leader epoch, 0, is that of a leader before.
        assert_eq!(ErrorCode::from_code(share.write(node, 0, 0, 0)), ErrorCode::FencedLeaderEpoch);
        assert_eq!(share.read(node, 2).0, ErrorCode::FencedLeaderEpoch);
    }
    second.stop_keeping();
    drop(first);
}

#[test]
fn what_is_written_is_there_after_a_restart_and_what_is_superseded_is_deleted() {
    let _beside = beside_others();
    let node = TestNode::start("shares-restart", SETTINGS);
    node.create_topic("work", 1, &[]);
    let share = Share { group: "g:with:colons", topic_id: topic_id(&node, "work") };
    share.coordinator(&node);
    eventually("a coordinator that has loaded", || share.initialize(&node, 1) == 0);
    assert_eq!(share.summary(&node), (-1, -1));
    for offset in 0..10 {
        assert_eq!(share.write(&node, 0, offset * 2, offset * 2), 0);
    }
    assert_eq!(share.write(&node, 5, 7, 7), 0);
    let expected = (ErrorCode::None, 5, vec![(6, 8), (10, 10), (12, 12), (14, 14), (16, 16), (18, 18)]);
    assert_eq!(share.read(&node, -1), expected);
    assert_eq!(share.summary(&node), (5, 7));
    eventually("the log to be pruned", || log_starts(&node).iter().any(|start| *start > 0));

    let node = TestNode::start_in(node.stop(), SETTINGS);
    eventually("a coordinator that has loaded", || share.read(&node, -1) == expected);
    assert_eq!(share.delete(&node), 0);
    assert_eq!(share.read(&node, -1).0, ErrorCode::InvalidRequest);

    // With a topic goes what is known of its share partitions; what is asked of it is not known.
    assert_eq!(share.initialize(&node, 2), 0);
    node.delete_topic("work");
    eventually("the topic to be gone", || share.read(&node, -1).0 == ErrorCode::InvalidRequest);
    assert_eq!(ErrorCode::from_code(share.initialize(&node, 3)), ErrorCode::UnknownTopicOrPartition);
}

/// With Kafka they stay for ever.
#[test]
fn states_of_topics_that_are_deleted_while_their_coordinator_is_down_go() {
    let _beside = beside_others();
    let first = TestNode::start("shares-gone-1", SETTINGS);
    let second = first.start_broker(fresh_dir("shares-gone-2"), 2, SETTINGS);
    let topics = ["goes", "stays"].map(|topic| {
        first.create_topic(topic, 1, &[]);
        topic_id(&first, topic)
    });
    let shares = topics.map(|topic_id| {
        let share = |group| Share { group, topic_id };
        let there = |share: &Share<'_>| share.coordinator(&first) == 2;
        ["a", "b", "c", "d", "e", "f", "g", "h"].into_iter().map(share).find(there).unwrap()
    });
    for share in &shares {
        eventually("a coordinator that has loaded", || share.initialize(&second, 1) == 0);
    }
    let dir = second.stop();
    first.delete_topic("goes");
    let second = first.start_broker(dir, 2, SETTINGS);
    let [goes, stays] = &shares;
    // As long as there is a state, what is missing is the topic.
    eventually("the state to be gone", || goes.read(&second, -1).0 == ErrorCode::InvalidRequest);
    assert_eq!(stays.read(&second, -1).0, ErrorCode::None);
    drop(second);
    drop(first);
}

#[test]
fn keys_that_are_none_find_no_coordinator() {
    let _beside = beside_others();
    let node = TestNode::start("shares-keys", SETTINGS);
    let id = "AAAAAAAAAAAAAAAAAAAAAQ";
    for key in
        ["", "g", "g:0", "g:nonsense:0", &format!("g:{id}"), &format!(" :{id}:0"), &format!("g:{id}:x")]
    {
        assert_eq!(ErrorCode::from_code(coordinator_of(&node, key).0), ErrorCode::InvalidRequest, "{key}");
    }
    eventually("a coordinator", || coordinator_of(&node, &format!("g:{id}:0")) == (0, 1));
}
