//! Two brokers and what a client sees of the replicas between them.

use std::{path::Path, time::Instant};

use klamm_protocol::{
    ErrorCode,
    api::{
        alter_partition_reassignments::{
            AlterPartitionReassignmentsRequest, ReassignablePartition, ReassignableTopic,
        },
        delete_records::{DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic},
        describe_topic_partitions::{DescribeTopicPartitionsRequest, TopicRequest},
        elect_leaders::{ElectLeadersRequest, TopicPartitions},
        metadata::MetadataResponsePartition,
        offset_commit::{OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic},
    },
    metadata::MetadataRecord,
    records::{BatchIter, CompressionType, RecordBatch},
};

use crate::{
    batches::{batch, produce},
    configs::{BROKER, SET, TOPIC, alter},
    harness::{Client, PATIENCE, TestNode, beside_others, eventually, fresh_dir},
};

const VERSION: i16 = 12;

fn partition(node: &TestNode, topic: &str) -> MetadataResponsePartition {
    node.connect().metadata(Some(&[topic])).topics[0].partitions[0].clone()
}

/// Waits until a node says of the first partition of a topic what `is` wants to hear.
fn wait_for(node: &TestNode, topic: &str, what: &str, is: impl Fn(&MetadataResponsePartition) -> bool) {
    let until = Instant::now() + PATIENCE;
    loop {
        let found = partition(node, topic);
        if is(&found) {
            return;
        }
        assert!(Instant::now() < until, "{what}: {found:?}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

/// Produces one batch to whoever leads, until it is taken or refused for good.
fn produce_to_leader(nodes: &[(i32, &TestNode)], topic: &str, acks: i16) -> ErrorCode {
    let until = Instant::now() + PATIENCE;
    loop {
        let leader = partition(nodes[0].1, topic).leader_id;
        let node = nodes.iter().find(|(id, _)| *id == leader);
        if let Some((_, node)) = node {
            let request = produce(topic, Some(batch(3, CompressionType::None)), acks);
            let answer = node.connect().call(&request, VERSION);
            let code = ErrorCode::from_code(answer.responses[0].partition_responses[0].error_code);
            // A broker that has not heard of the topic or of its lead yet says one of these; clients ask again.
            if !matches!(code, ErrorCode::NotLeaderOrFollower | ErrorCode::UnknownTopicOrPartition) {
                return code;
            }
        }
        assert!(Instant::now() < until, "no leader");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

/// Commits an offset without being a member of the group.
fn commit_offset(client: &mut Client) -> ErrorCode {
    let request = OffsetCommitRequest {
        group_id: "group".into(),
        topics: vec![OffsetCommitRequestTopic {
            name: "topic".into(),
            partitions: vec![OffsetCommitRequestPartition { committed_offset: 3, ..Default::default() }],
            ..Default::default()
        }],
        ..Default::default()
    };
    ErrorCode::from_code(client.call(&request, 7).topics[0].partitions[0].error_code)
}

/// Deletes the records before an offset. Returns the error and the low watermark.
pub(crate) fn delete_before(node: &TestNode, topic: &str, offset: i64) -> (i16, i64) {
    let request = DeleteRecordsRequest {
        topics: vec![DeleteRecordsTopic {
            name: topic.into(),
            partitions: vec![DeleteRecordsPartition { partition_index: 0, offset, ..Default::default() }],
            ..Default::default()
        }],
        timeout_ms: 30_000,
        ..Default::default()
    };
    // The client id by which Kafka's own tools may write to internal topics.
    let answer = node.connect().call_as("__admin_client", &request, 2);
    let answer = &answer.topics[0].partitions[0];
    (answer.error_code, answer.low_watermark)
}

fn log(dir: &Path, topic: &str) -> Vec<u8> {
    std::fs::read(dir.join(format!("{topic}-0")).join("00000000000000000000.log")).unwrap()
}

/// What the metadata log of a node has.
fn decided(dir: &Path) -> Vec<MetadataRecord> {
    let batches = BatchIter::new(log(dir, "__cluster_metadata").into()).map(|batch| batch.unwrap());
    let of_batch = |batch: RecordBatch| {
        let values = batch.records().unwrap().map(|record| record.unwrap().value.unwrap());
        values.map(|value| MetadataRecord::decode(value).unwrap().0).collect::<Vec<_>>()
    };
    batches.filter(|batch| !batch.is_control()).flat_map(of_batch).collect()
}

/// How often a broker was put into controlled shutdown, by the metadata log of a node.
fn shutdowns(dir: &Path, broker_id: i32) -> usize {
    let goes = |record: &MetadataRecord| {
        matches!(record, MetadataRecord::BrokerRegistrationChange(change)
            if change.broker_id == broker_id && change.in_controlled_shutdown == 1)
    };
    decided(dir).iter().filter(|record| goes(record)).count()
}

#[test]
fn an_acknowledged_batch_is_on_both_brokers_and_stays_when_one_goes() {
    let _guard = beside_others();
    let settings = [("broker.session.timeout.ms", "60000")];
    let one = TestNode::start("replicas-one", &settings);
    let dir = fresh_dir("replicas-two");
    let two = one.start_broker(dir.clone(), 2, &settings);
    one.create_replicated_topic("both", 1, 2, &[("min.insync.replicas", "2")]);
    let nodes = [(1, &one), (2, &two)];
    assert_eq!(produce_to_leader(&nodes, "both", -1), ErrorCode::None);
    assert_eq!(log(&one.dir(), "both"), log(&dir, "both"), "acknowledged, so both have it");

    // An orderly stop hands the lead over. Alone, the other is too few for acks=all.
    two.stop_keeping();
    wait_for(&one, "both", "node 1 leads alone", |found| found.leader_id == 1 && found.isr_nodes == [1]);
    assert_eq!(produce_to_leader(&[(1, &one)], "both", -1), ErrorCode::NotEnoughReplicas);
    assert_eq!(produce_to_leader(&[(1, &one)], "both", 1), ErrorCode::None);

    // Back again, it fetches what it lacks and joins the in-sync replicas.
    let two = one.start_broker(dir.clone(), 2, &settings);
    wait_for(&one, "both", "node 2 is back", |found| found.isr_nodes.len() == 2);
    assert_eq!(log(&one.dir(), "both"), log(&dir, "both"));
    assert_eq!(produce_to_leader(&[(1, &one), (2, &two)], "both", -1), ErrorCode::None);

    // DeleteRecords is answered when both have deleted.
    assert_eq!(delete_before(&one, "both", 4), (0, 4));
}

#[test]
fn a_commit_waits_for_replicas_that_come_back_in_time() {
    let _guard = beside_others();
    let settings = [("broker.session.timeout.ms", "60000"), ("min.insync.replicas", "2")];
    let one = TestNode::start("commit-one", &settings);
    let dir = fresh_dir("commit-two");
    let two = one.start_broker(dir.clone(), 2, &settings);
    one.create_topic("topic", 1, &[]);
    let offsets = "__consumer_offsets";
    // The coordinator is where the leader is, which is drawn: it has to be the one that stays.
    loop {
        one.create_replicated_topic(offsets, 1, 2, &[("cleanup.policy", "compact")]);
        if partition(&one, offsets).leader_id == 1 {
            break;
        }
        one.delete_topic(offsets);
    }
    let mut client = one.connect();
    eventually("the group has a coordinator", || commit_offset(&mut client) == ErrorCode::None);
    two.stop_keeping();
    wait_for(&one, offsets, "node 1 leads alone", |found| found.leader_id == 1 && found.isr_nodes == [1]);
    // Alone, it cannot commit: the other has five seconds to come back.
    let answer = std::thread::spawn(move || commit_offset(&mut client));
    let _two = one.start_broker(dir, 2, &settings);
    assert_eq!(answer.join().unwrap(), ErrorCode::None);
}

#[test]
fn a_broker_asks_before_it_goes_unless_told_not_to() {
    let _guard = beside_others();
    for (enabled, asked) in [("true", 1), ("false", 0)] {
        let one = TestNode::start(&format!("goes-{enabled}"), &[]);
        let two = one.start_broker(fresh_dir("goes-two"), 2, &[("controlled.shutdown.enable", enabled)]);
        // Each leads one of them; who leads nothing has nothing to ask for.
        one.create_replicated_topic("both", 2, 2, &[]);
        two.stop();
        assert_eq!(shutdowns(&one.dir(), 2), asked, "controlled.shutdown.enable={enabled}");
    }
}

#[test]
fn a_broker_that_goes_waits_for_a_controller_that_comes_back() {
    let _guard = beside_others();
    let one = TestNode::start("parting-one", &[]);
    let settings = [("controller.quorum.fetch.timeout.ms", "30000")];
    let two = one.start_broker(fresh_dir("parting-two"), 2, &settings);
    // It leads one of them.
    one.create_topic("topic", 2, &[]);
    let ports = (one.port, one.controller_port);
    let dir = one.stop();
    let stopping = std::thread::spawn(move || two.stop());
    std::thread::sleep(std::time::Duration::from_secs(2));
    let one = TestNode::start_again(dir, ports, &[]);
    stopping.join().unwrap();
    assert_eq!(shutdowns(&one.dir(), 2), 1);
}

#[test]
fn a_cluster_that_is_stopped_as_a_whole_has_let_every_broker_go() {
    let _guard = beside_others();
    let one = TestNode::start("whole-one", &[]);
    let (dir, two_dir) = (one.dir(), fresh_dir("whole-two"));
    let two = one.start_broker(two_dir.clone(), 2, &[]);
    one.create_replicated_topic("both", 20, 2, &[]);
    // The controller's own broker is soon done with.
    std::thread::scope(|nodes| {
        nodes.spawn(|| two.stop_keeping());
        nodes.spawn(|| one.stop_keeping());
    });
    let mut is_fenced = [true; 3];
    for record in decided(&dir) {
        match record {
            MetadataRecord::RegisterBroker(broker) => is_fenced[broker.broker_id as usize] = broker.fenced,
            MetadataRecord::BrokerRegistrationChange(change) if change.fenced != 0 => {
                is_fenced[change.broker_id as usize] = change.fenced == 1;
            }
            _ => {}
        }
    }
    assert_eq!(is_fenced, [true; 3], "nobody waits for the end of a session when they start again");
    std::fs::remove_dir_all(dir).unwrap();
    std::fs::remove_dir_all(two_dir).unwrap();
}

#[test]
fn a_follower_that_was_away_too_long_starts_where_the_leader_does() {
    let _guard = beside_others();
    let one = TestNode::start("away-one", &[]);
    let dir = fresh_dir("away-two");
    let two = one.start_broker(dir.clone(), 2, &[]);
    one.create_replicated_topic("away", 1, 2, &[]);
    assert_eq!(produce_to_leader(&[(1, &one), (2, &two)], "away", -1), ErrorCode::None);
    two.stop_keeping();
    wait_for(&one, "away", "node 1 leads alone", |found| found.leader_id == 1 && found.isr_nodes == [1]);
    assert_eq!(produce_to_leader(&[(1, &one)], "away", -1), ErrorCode::None);
    // In the middle of the second batch, which a follower gets whole.
    assert_eq!(delete_before(&one, "away", 4), (0, 4));
    let _two = one.start_broker(dir.clone(), 2, &[]);
    wait_for(&one, "away", "node 2 is back", |found| found.isr_nodes.len() == 2);
    let first = dir.join("away-0").join("00000000000000000003.log");
    assert_eq!(std::fs::read(first).unwrap(), log(&one.dir(), "away")[log(&one.dir(), "away").len() / 2..]);
}

#[test]
fn every_partition_is_followed_however_many_fetchers_there_are() {
    let _guard = beside_others();
    let fetchers = [("num.replica.fetchers", "9")];
    let one = TestNode::start("fetchers-one", &fetchers);
    let two = one.start_broker(fresh_dir("fetchers-two"), 2, &fetchers);
    let topics: Vec<String> = (0..12).map(|index| format!("followed-{index}")).collect();
    for topic in &topics {
        one.create_replicated_topic(topic, 1, 2, &[("min.insync.replicas", "2")]);
    }
    let nodes = [(1, &one), (2, &two)];
    for count in ["9", "5", "3"] {
        let key = [("num.replica.fetchers", count)];
        assert_eq!(
            alter(&mut one.connect(), BROKER, "", &key.map(|(key, value)| (key, SET, Some(value)))).0,
            ErrorCode::None
        );
        for topic in &topics {
            assert_eq!(
                produce_to_leader(&nodes, topic, -1),
                ErrorCode::None,
                "{topic} with {count} fetchers"
            );
        }
    }
}

/// Asks for these replicas of the first partition of a topic.
pub(crate) fn reassign(node: &TestNode, topic: &str, replicas: &[i32]) {
    let partition =
        ReassignablePartition { partition_index: 0, replicas: Some(replicas.to_vec()), ..Default::default() };
    let topic = ReassignableTopic { name: topic.into(), partitions: vec![partition], ..Default::default() };
    let request =
        AlterPartitionReassignmentsRequest { topics: vec![topic], timeout_ms: 60_000, ..Default::default() };
    let answer = node.connect().call(&request, 0);
    assert_eq!(answer.responses[0].partitions[0].error_code, 0, "{answer:?}");
}

#[test]
fn a_throttled_replica_comes_slowly_and_those_in_sync_are_not_held_back() {
    let _guard = beside_others();
    let settings = [("replica.fetch.max.bytes", "50000")];
    let one = TestNode::start("throttled-one", &settings);
    let two = one.start_broker(fresh_dir("throttled-two"), 2, &settings);
    for side in ["leader", "follower"] {
        let topic = format!("throttled-{side}");
        one.create_topic(&topic, 1, &[]);
        let first = partition(&one, &topic).replica_nodes[0];
        let nodes = [(1, &one), (2, &two)];
        for _ in 0..10 {
            let request = produce(&topic, Some(batch(2000, CompressionType::None)), 1);
            let leader = nodes.iter().find(|(id, _)| *id == first).unwrap().1;
            // It may not have heard of the topic yet.
            eventually("the leader appends", || {
                let answer = leader.connect().call(&request, VERSION);
                answer.responses[0].partition_responses[0].error_code == 0
            });
        }
        let (rate, replicas) =
            (format!("{side}.replication.throttled.rate"), format!("{side}.replication.throttled.replicas"));
        let set = |kind, name: &str, key: &str, value| {
            assert_eq!(alter(&mut one.connect(), kind, name, &[(key, SET, Some(value))]).0, ErrorCode::None);
        };
        set(BROKER, "", &rate, "150000");
        set(TOPIC, &topic, &replicas, "*");
        let begun = Instant::now();
        reassign(&one, &topic, &[first, 3 - first]);
        wait_for(&one, &topic, "both are in sync", |found| found.isr_nodes.len() == 2);
        // Nearly half a megabyte, of which a second lets through 150 kB.
        let took = begun.elapsed();
        assert!(took.as_millis() > 1500, "{side}: {took:?}");
        // In sync, it is not held back: a second's worth many times over is acknowledged at once.
        set(TOPIC, &topic, "min.insync.replicas", "2");
        for _ in 0..5 {
            assert_eq!(produce_to_leader(&nodes, &topic, -1), ErrorCode::None);
        }
        set(BROKER, "", &rate, "9223372036854775807");
    }
}

#[test]
fn a_preferred_leader_gets_its_lead_back_when_asked_to() {
    let _guard = beside_others();
    let one = TestNode::start("preferred-one", &[]);
    let dir = fresh_dir("preferred-two");
    let two = one.start_broker(dir.clone(), 2, &[]);
    one.create_replicated_topic("moved", 1, 2, &[]);
    let preferred = partition(&one, "moved").replica_nodes[0];
    assert_eq!(produce_to_leader(&[(1, &one), (2, &two)], "moved", -1), ErrorCode::None);
    two.stop_keeping();
    wait_for(&one, "moved", "node 1 leads", |found| found.leader_id == 1);
    let _two = one.start_broker(dir, 2, &[]);
    wait_for(&one, "moved", "both are in sync", |found| found.isr_nodes.len() == 2);
    let asked = TopicPartitions { topic: "moved".into(), partitions: vec![0], ..Default::default() };
    let request =
        ElectLeadersRequest { topic_partitions: Some(vec![asked]), timeout_ms: 30_000, ..Default::default() };
    let answer = one.connect().call(&request, 2);
    let result = &answer.replica_election_results[0].partition_result[0];
    let expect = if preferred == 1 { ErrorCode::ElectionNotNeeded } else { ErrorCode::None };
    assert_eq!(ErrorCode::from_code(result.error_code), expect);
    wait_for(&one, "moved", "the preferred replica leads", |found| found.leader_id == preferred);
}

#[test]
fn the_isr_grows_again_after_the_eligible_replicas_were_forgotten() {
    let _guard = beside_others();
    let settings = [("broker.session.timeout.ms", "60000")];
    let one = TestNode::start("eligible-one", &settings);
    let dirs = [(2, fresh_dir("eligible-two")), (3, fresh_dir("eligible-three"))];
    let start = || dirs.each_ref().map(|(id, dir)| one.start_broker(dir.clone(), *id, &settings));
    let followers = start();
    one.create_replicated_topic("topic", 1, 3, &[("min.insync.replicas", "2")]);
    wait_for(&one, "topic", "all are in sync", |found| found.isr_nodes.len() == 3);
    followers.into_iter().for_each(TestNode::stop_keeping);
    wait_for(&one, "topic", "node 1 leads alone", |found| found.leader_id == 1 && found.isr_nodes == [1]);
    let topics = vec![TopicRequest { name: "topic".into(), ..Default::default() }];
    let request = DescribeTopicPartitionsRequest { topics, ..Default::default() };
    let eligible = || {
        let answer = one.connect().call(&request, 0);
        answer.topics[0].partitions[0].eligible_leader_replicas.clone().unwrap_or_default()
    };
    assert_eq!(eligible().len(), 1, "the last that went had all that was acknowledged");
    // Changes the partition by no record of its own.
    let (error, message) =
        alter(&mut one.connect(), TOPIC, "topic", &[("min.insync.replicas", SET, Some("1"))]);
    assert_eq!(error, ErrorCode::None, "{message}");
    assert!(eligible().is_empty());
    let _followers = start();
    wait_for(&one, "topic", "all are in sync again", |found| found.isr_nodes.len() == 3);
}

#[test]
fn records_are_deleted_by_request_unless_the_topic_is_only_compacted() {
    let _guard = beside_others();
    let node = TestNode::start("delete-records", &[]);
    for (topic, policy, expect) in [
        ("deleted", "delete", (0, 2)),
        ("both", "compact,delete", (0, 2)),
        ("kept", "", (0, 2)),
        ("compacted", "compact", (ErrorCode::PolicyViolation.code(), -1)),
    ] {
        node.create_topic(topic, 1, &[("cleanup.policy", policy)]);
        assert_eq!(produce_to_leader(&[(1, &node)], topic, -1), ErrorCode::None);
        assert_eq!(delete_before(&node, topic, 2), expect, "cleanup.policy={policy}");
    }
    node.create_topic("__consumer_offsets", 1, &[("cleanup.policy", "delete")]);
    let refused = (ErrorCode::InvalidTopicException.code(), -1);
    assert_eq!(delete_before(&node, "__consumer_offsets", 0), refused, "a coordinator's");
}
