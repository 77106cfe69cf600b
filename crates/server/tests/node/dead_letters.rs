//! Dead-letter queues of share groups, as consumers of both topics see them.

use std::time::{Duration, Instant};

use klamm_protocol::{
    ErrorCode, Records,
    api::{
        create_topics::{
            CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
        },
        fetch::{FetchPartition, FetchRequest, FetchTopic},
    },
    records::{BatchBuilder, BatchIter, BatchOptions, Record},
};

use crate::{
    configs::{self, BROKER, SET},
    harness::{TestNode, beside_others, eventually, fresh_dir, log_lines},
    share::{
        ACCEPT, Consumer, GROUP, REJECT, RELEASE, SETTINGS, TOPIC, configure_group, delete_state, initialize,
        initialize_at, produce, produce_batch, start, start_leader, write_dead_letters, write_state,
    },
};

const QUEUE: &str = "dlq.queue";
const ENABLED: (&str, &str) = ("errors.deadletterqueue.group.enable", "true");
const NAME: &str = "errors.deadletterqueue.topic.name";

/// What a partition has: key and value, or neither.
fn records(node: &TestNode, topic: &str, index: i32) -> Vec<Record> {
    let mut found = Vec::new();
    loop {
        // A fetch does not go beyond a segment.
        let more = records_from(node, topic, index, i64::try_from(found.len()).unwrap());
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
}

fn records_from(node: &TestNode, topic: &str, partition: i32, fetch_offset: i64) -> Vec<Record> {
    let mut client = node.connect();
    let Some(known) = client.metadata(Some(&[topic])).topics.into_iter().next() else { return Vec::new() };
    let partition =
        FetchPartition { partition, fetch_offset, partition_max_bytes: 1 << 20, ..Default::default() };
    let topic = FetchTopic {
        topic: topic.into(),
        topic_id: known.topic_id,
        partitions: vec![partition],
        ..Default::default()
    };
    let request = FetchRequest { max_bytes: 1 << 20, topics: vec![topic], ..Default::default() };
    let answer = client.call(&request, 13);
    let Some(topic) = answer.responses.first() else { return Vec::new() };
    let bytes = topic.partitions[0].records.as_ref().and_then(Records::bytes).cloned().unwrap_or_default();
    let records =
        BatchIter::new(bytes).flat_map(|batch| batch.unwrap().records().unwrap()).map(Result::unwrap);
    records.filter(|record| record.offset >= fetch_offset).collect()
}

fn text(bytes: Option<&bytes::Bytes>) -> String {
    bytes.map_or("-".to_owned(), |bytes| String::from_utf8(bytes.to_vec()).unwrap())
}

/// A dead letter in short: `value offset deliveries reason`.
fn letter(record: &Record) -> String {
    let header = |name: &str| {
        let name = format!("__dlq.errors.{name}");
        let found = record.headers.iter().find(|header| header.key == name);
        text(found.and_then(|header| header.value.as_ref()))
    };
    assert_eq!(
        (header("topic"), header("partition"), header("group")),
        (TOPIC.into(), "0".into(), GROUP.into())
    );
    let value = text(record.value.as_ref());
    format!("{value} {} x{} {}", header("offset"), header("delivery.count"), header("message"))
}

/// Waits for dead letters.
fn wait_for(node: &TestNode, index: i32, expected: &[&str]) {
    let mut found = Vec::new();
    let started = Instant::now();
    while found.len() < expected.len() && started.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(20));
        found = records(node, QUEUE, index).iter().map(letter).collect();
    }
    assert_eq!(found, expected);
}

/// Creates a topic, each partition on these brokers, as soon as they are all there.
pub(crate) fn create_on(node: &TestNode, name: &str, brokers: &[&[i32]], configs: &[(&str, &str)]) {
    let on = |(index, brokers): (i32, &&[i32])| CreatableReplicaAssignment {
        partition_index: index,
        broker_ids: brokers.to_vec(),
        ..Default::default()
    };
    let config = |(name, value): &(&str, &str)| CreatableTopicConfig {
        name: (*name).into(),
        value: Some((*value).into()),
        ..Default::default()
    };
    let topic = CreatableTopic {
        name: name.into(),
        num_partitions: -1,
        replication_factor: -1,
        assignments: (0..).zip(brokers).map(on).collect(),
        configs: configs.iter().map(config).collect(),
        ..Default::default()
    };
    let request = CreateTopicsRequest { topics: vec![topic], timeout_ms: 60_000, ..Default::default() };
    eventually("a topic on these brokers", || {
        let code = node.connect().call(&request, 7).topics[0].error_code;
        code == 0 || code == ErrorCode::TopicAlreadyExists.code()
    });
}

#[test]
fn what_is_given_up_goes_to_the_queue_wherever_that_is() {
    let _turn = beside_others();
    // One shard would do; the queue is on another broker.
    let node = start("dead-letters");
    let other = node.start_broker(fresh_dir("dead-letters-2"), 2, SETTINGS);
    create_on(&node, QUEUE, &[&[2], &[1]], &[ENABLED]);
    configure_group(
        &node,
        &[
            (NAME, QUEUE),
            ("errors.deadletterqueue.copy.record.enable", "true"),
            ("share.delivery.count.limit", "2"),
        ],
    );
    let mut one = Consumer::new(&node, "one");
    one.open();
    produce(&node, 5);
    assert_eq!(one.fetch(), [(0, 4, 1)]);
    assert_eq!(one.acknowledge(&[(0, 1, REJECT), (2, 2, ACCEPT), (3, 4, RELEASE)]), ErrorCode::None);
    const REJECTED: &str = "Offset rejected by client.";
    let rejected = [format!("0 0 x1 {REJECTED}"), format!("1 1 x1 {REJECTED}")];
    let rejected: Vec<&str> = rejected.iter().map(String::as_str).collect();
    wait_for(&other, 0, &rejected);
    // As often delivered as it may be.
    assert_eq!(one.fetch(), [(3, 4, 2)]);
    assert_eq!(one.acknowledge(&[(3, 4, RELEASE)]), ErrorCode::None);
    const EXCEEDED: &str = "Offset delivery count exceeded the threshold.";
    let exceeded = [format!("3 3 x2 {EXCEEDED}"), format!("4 4 x2 {EXCEEDED}")];
    let all: Vec<&str> = rejected.into_iter().chain(exceeded.iter().map(String::as_str)).collect();
    wait_for(&other, 0, &all);
    // Nothing is left: what comes next is new.
    produce(&node, 1);
    assert_eq!(one.fetch(), [(5, 5, 1)]);
    assert_eq!(records(&node, QUEUE, 1).len(), 0);
    let copied = records(&other, QUEUE, 0);
    let header = copied[0].headers.iter().find(|header| header.key == "__dlq.klamm.timestamp").unwrap();
    assert_eq!(text(header.value.as_ref()), "1");
    assert!(copied[0].timestamp > 1_000_000_000_000, "{}", copied[0].timestamp);
}

#[test]
fn what_cannot_get_to_the_queue_waits_for_it() {
    let _turn = beside_others();
    let node = start("dead-letters-blocked");
    configure_group(&node, &[(NAME, QUEUE)]);
    let mut one = Consumer::new(&node, "one");
    one.open();
    produce(&node, 2);
    assert_eq!(one.fetch(), [(0, 1, 1)]);
    assert_eq!(one.acknowledge(&[(0, 0, REJECT)]), ErrorCode::None);
    let is_told = |reason: &str| {
        let lines = log_lines("records cannot be brought to the dead-letter queue");
        lines.iter().any(|line| line.contains(&format!("{QUEUE} {reason}")))
    };
    eventually("a complaint that there is none", || is_told("does not exist"));
    node.create_topic(QUEUE, 1, &[]);
    eventually("a complaint that it is not meant to be one", || is_told("is not meant for it"));
    assert_eq!(records(&node, QUEUE, 0).len(), 0);
    // A member that leaves does not take them with it.
    drop(one);
    let (code, message) =
        configs::alter(&mut node.connect(), configs::TOPIC, QUEUE, &[(ENABLED.0, SET, Some(ENABLED.1))]);
    assert_eq!(code, ErrorCode::None, "{message}");
    // Without copying there is but where it came from.
    wait_for(&node, 0, &["- 0 x1 Offset rejected by client."]);
    eventually("a word that it goes on", || {
        !log_lines("the dead-letter queue takes records again").is_empty()
    });
}

#[test]
fn a_queue_that_is_compacted_gets_nothing_until_it_is_not() {
    let _turn = beside_others();
    let node = start("dead-letters-compacted");
    let set_policy = |policy: &str| {
        let change = [("cleanup.policy", SET, Some(policy))];
        let (code, message) = configs::alter(&mut node.connect(), configs::TOPIC, QUEUE, &change);
        assert_eq!(code, ErrorCode::None, "{message}");
    };
    let complaints = || log_lines(&format!("{QUEUE} is compacted")).len();
    node.create_topic(QUEUE, 1, &[ENABLED, ("cleanup.policy", "compact")]);
    configure_group(&node, &[(NAME, QUEUE), ("errors.deadletterqueue.copy.record.enable", "true")]);
    let mut one = Consumer::new(&node, "one");
    one.open();
    // With a key, so that the topic would take them.
    let mut batch = BatchBuilder::new(BatchOptions::default());
    for value in ["0", "1", "2"] {
        batch.append(1, Some(b"k"), Some(value.as_bytes()), &[]).unwrap();
    }
    produce_batch(&node, 0, batch);
    assert_eq!(one.fetch(), [(0, 2, 1)]);
    assert_eq!(one.acknowledge(&[(0, 1, REJECT), (2, 2, RELEASE)]), ErrorCode::None);
    eventually("a complaint that it is compacted", || complaints() == 1);
    assert_eq!(records(&node, QUEUE, 0).len(), 0);
    set_policy("delete");
    const REJECTED: &str = "Offset rejected by client.";
    let expected = [format!("0 0 x1 {REJECTED}"), format!("1 1 x1 {REJECTED}")];
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    wait_for(&node, 0, &expected);
    set_policy("compact,delete");
    assert_eq!(one.fetch(), [(2, 2, 2)]);
    assert_eq!(one.acknowledge(&[(2, 2, REJECT)]), ErrorCode::None);
    eventually("another complaint", || complaints() == 2);
    assert_eq!(records(&node, QUEUE, 0).len(), 2);
}

#[test]
fn no_batch_is_larger_than_a_segment_of_the_queue() {
    let _turn = beside_others();
    let node = start("dead-letters-segments");
    node.create_topic(QUEUE, 1, &[ENABLED, ("internal.segment.bytes", "1000")]);
    configure_group(&node, &[(NAME, QUEUE)]);
    let mut one = Consumer::new(&node, "one");
    one.open();
    produce(&node, 10);
    assert_eq!(one.fetch(), [(0, 9, 1)]);
    assert_eq!(one.acknowledge(&[(0, 9, REJECT)]), ErrorCode::None);
    let expected: Vec<String> =
        (0..10).map(|offset| format!("- {offset} x1 Offset rejected by client.")).collect();
    wait_for(&node, 0, &expected.iter().map(String::as_str).collect::<Vec<_>>());
}

/// Brokers may differ in what they take, and the one that copies goes by its own config.
#[test]
fn a_leader_that_takes_less_gets_smaller_batches_and_headers_only_of_what_is_too_large() {
    let _turn = beside_others();
    let node = start("dead-letters-smaller");
    let settings = [SETTINGS, &[("message.max.bytes", "3000")]].concat();
    let other = node.start_broker(fresh_dir("dead-letters-smaller-2"), 2, &settings);
    create_on(&node, QUEUE, &[&[2]], &[ENABLED]);
    configure_group(&node, &[(NAME, QUEUE), ("errors.deadletterqueue.copy.record.enable", "true")]);
    let mut one = Consumer::new(&node, "one");
    one.open();
    // Two thirds of what it takes, more than it takes, and many.
    let sizes = [2000, 4000, 2000].into_iter().chain([300; 20]);
    let mut batch = BatchBuilder::new(BatchOptions::default());
    for (offset, size) in (0..).zip(sizes.clone()) {
        batch.append_at(offset, 1, None, Some(&vec![b'x'; size]), &[]).unwrap();
    }
    produce_batch(&node, 0, batch);
    assert_eq!(one.fetch(), [(0, 22, 1)]);
    assert_eq!(one.acknowledge(&[(0, 22, REJECT)]), ErrorCode::None);
    let told = |(offset, size): (usize, usize)| {
        let value = if size > 3000 { "-".to_owned() } else { "x".repeat(size) };
        format!("{value} {offset} x1 Offset rejected by client.")
    };
    let expected: Vec<String> = sizes.enumerate().map(told).collect();
    wait_for(&other, 0, &expected.iter().map(String::as_str).collect::<Vec<_>>());
    // Which would have it wait.
    let complaints = log_lines("records cannot be brought to the dead-letter queue");
    assert!(!complaints.iter().any(|line| line.contains("TOO_LARGE")), "{complaints:?}");
}

/// A group of which record 0 of 2 waits for a queue that there is not yet, and the last member has left.
fn left_with_a_letter(name: &str) -> TestNode {
    let node = start(name);
    leave_with_a_letter(&node);
    node
}

fn leave_with_a_letter(node: &TestNode) {
    configure_group(node, &[(NAME, QUEUE)]);
    let mut one = Consumer::new(node, "one");
    one.open();
    produce(node, 2);
    assert_eq!(one.fetch(), [(0, 1, 1)]);
    assert_eq!(one.acknowledge(&[(0, 0, REJECT), (1, 1, ACCEPT)]), ErrorCode::None);
    leave(one);
}

fn leave(member: Consumer) {
    drop(member);
    // For the server to see that.
    std::thread::sleep(Duration::from_millis(300));
}

#[test]
fn what_waits_for_the_queue_gets_there_though_the_group_leaves_while_its_state_is_read() {
    let _turn = beside_others();
    let node = TestNode::start("dead-letters-loading", SETTINGS);
    // The states are on another broker, all else on the first.
    let other = node.start_broker(fresh_dir("dead-letters-loading-2"), 2, SETTINGS);
    create_on(&node, "__share_group_state", &[&[2], &[2], &[2]], &[]);
    create_on(&node, TOPIC, &[&[1]], &[]);
    eventually("the other broker to know of it", || {
        other.connect().metadata(Some(&[TOPIC])).topics[0].error_code == 0
    });
    initialize(&other, 1);
    leave_with_a_letter(&node);
    let other = other.stop();
    // Has the state read anew, which takes until it can be.
    let mut two = Consumer::new(&node, "two");
    two.open();
    leave(two);
    let _other = node.start_broker(other, 2, SETTINGS);
    create_on(&node, QUEUE, &[&[1]], &[ENABLED]);
    wait_for(&node, 0, &["- 0 x1 Offset rejected by client."]);
}

#[test]
fn what_a_deleted_group_gave_up_gets_to_the_queue_once() {
    let _turn = beside_others();
    let node = left_with_a_letter("dead-letters-deleted");
    delete_state(&node);
    node.create_topic(QUEUE, 1, &[ENABLED]);
    let expected = ["- 0 x1 Offset rejected by client."];
    eventually("a copy", || !records(&node, QUEUE, 0).is_empty());
    std::thread::sleep(Duration::from_secs(1));
    wait_for(&node, 0, &expected);
}

#[test]
fn what_waits_for_the_queue_gets_there_after_a_restart_though_nobody_comes() {
    let _turn = beside_others();
    let node = left_with_a_letter("dead-letters-restarted");
    let node = TestNode::start_in(node.stop(), SETTINGS);
    node.create_topic(QUEUE, 1, &[ENABLED]);
    wait_for(&node, 0, &["- 0 x1 Offset rejected by client."]);
    // Who comes then gets what comes next.
    let mut one = Consumer::new(&node, "one");
    one.open();
    produce(&node, 1);
    assert_eq!(one.fetch(), [(2, 2, 1)]);
}

/// Or what it writes after the new one has looked for dead letters would not be found.
#[test]
fn who_led_before_cannot_write_any_more_though_nobody_comes() {
    let _turn = beside_others();
    let node = start("dead-letters-fenced");
    configure_group(&node, &[(NAME, QUEUE)]);
    assert_eq!(write_state(&node, 0, 0, Vec::new()), ErrorCode::None);
    let node = TestNode::start_in(node.stop(), SETTINGS);
    eventually("the leader before to be fenced", || {
        write_state(&node, 0, 0, Vec::new()) == ErrorCode::FencedLeaderEpoch
    });
}

#[test]
fn offsets_that_are_altered_while_nobody_is_there_count() {
    let _turn = beside_others();
    let node = left_with_a_letter("dead-letters-altered");
    initialize_at(&node, 1, 2, 0);
    let mut other = Consumer::new(&node, "other");
    let mut got = Vec::new();
    eventually("what was given up to come again", || {
        got = other.fetch();
        !got.is_empty()
    });
    assert_eq!(got, [(0, 1, 1)]);
    assert_eq!(other.acknowledge(&[(0, 1, ACCEPT)]), ErrorCode::None);
}

#[test]
fn a_queue_is_created_if_the_brokers_are_to() {
    let _turn = beside_others();
    // Or the looking for it would make it.
    let settings: Vec<_> = SETTINGS.iter().copied().chain([("auto.create.topics.enable", "false")]).collect();
    let node = TestNode::start("dead-letters-created", &settings);
    node.create_topic(TOPIC, 1, &[]);
    initialize(&node, 1);
    let enable = [("errors.deadletterqueue.auto.create.topics.enable", SET, Some("true"))];
    let (code, message) = configs::alter(&mut node.connect(), BROKER, "", &enable);
    assert_eq!(code, ErrorCode::None, "{message}");
    configure_group(&node, &[(NAME, QUEUE)]);
    let mut one = Consumer::new(&node, "one");
    one.open();
    produce(&node, 1);
    assert_eq!(one.fetch(), [(0, 0, 1)]);
    assert_eq!(one.acknowledge(&[(0, 0, REJECT)]), ErrorCode::None);
    wait_for(&node, 0, &["- 0 x1 Offset rejected by client."]);
    node.assert_serves_others();
}

#[test]
fn what_failed_comes_again_later_and_a_flood_stops_delivery() {
    let _turn = beside_others();
    let node = start("dead-letters-flood");
    node.create_topic(QUEUE, 1, &[ENABLED]);
    const KLAMM: &str = "klamm.errors.deadletterqueue";
    configure_group(
        &node,
        &[
            (NAME, QUEUE),
            (&format!("{KLAMM}.retry.backoff.ms"), "1000"),
            (&format!("{KLAMM}.retry.backoff.jitter"), "0"),
            (&format!("{KLAMM}.circuit.breaker.records"), "3"),
            (&format!("{KLAMM}.circuit.breaker.window.ms"), "60000"),
            (&format!("{KLAMM}.circuit.breaker.wait.ms"), "3000"),
        ],
    );
    let mut one = Consumer::new(&node, "one");
    one.open();
    produce(&node, 10);
    (one.max_records, one.mode) = (1, 1);
    assert_eq!(one.fetch(), [(0, 0, 1)]);
    let released = Instant::now();
    assert_eq!(one.acknowledge(&[(0, 0, RELEASE)]), ErrorCode::None);
    (one.max_records, one.mode) = (4, 1);
    assert_eq!(one.fetch(), [(1, 4, 1)]);
    // All else is with the member, so that this waits for what is held back.
    (one.max_records, one.mode) = (5, 1);
    assert_eq!(one.fetch(), [(5, 9, 1)]);
    assert_eq!(one.fetch(), [(0, 0, 2)]);
    let waited = released.elapsed();
    assert!(waited >= Duration::from_secs(1), "{waited:?}");
    assert_eq!(one.acknowledge(&[(0, 3, REJECT)]), ErrorCode::None);
    let opened = Instant::now();
    eventually("a word of it", || !log_lines("too many records went to the dead-letter queue").is_empty());
    assert_eq!(one.acknowledge(&[(4, 9, RELEASE)]), ErrorCode::None);
    // One comes on trial, and the others once that is processed.
    let mut got = one.fetch();
    assert!(opened.elapsed() >= Duration::from_millis(2500), "{:?}", opened.elapsed());
    assert_eq!((got.len(), got[0].0, got[0].1), (1, 4, 4));
    assert_eq!(one.acknowledge(&[(4, 4, ACCEPT)]), ErrorCode::None);
    got = one.fetch();
    assert_eq!(got, [(5, 9, 2)]);
    assert!(!log_lines("a share partition delivers records again").is_empty());
    assert_eq!(records(&node, QUEUE, 0).len(), 4);
}

/// Kafka answers fetches with nothing until the log has grown again, and so do we; but what was given up has to be told of.
#[test]
fn what_an_unclean_election_cut_off_the_log_is_told_of_and_delivery_goes_on_behind_it() {
    let _turn = beside_others();
    let node = start("dead-letters-truncated");
    node.create_topic(QUEUE, 1, &[ENABLED]);
    configure_group(&node, &[(NAME, QUEUE), ("errors.deadletterqueue.copy.record.enable", "true")]);
    produce(&node, 3);
    write_dead_letters(&node, 2, 5);
    let mut one = Consumer::new(&node, "one");
    one.open();
    const REJECTED: &str = "Offset rejected by client.";
    let expected = [
        format!("2 2 x1 {REJECTED}"),
        format!("- 3 x1 {REJECTED}"),
        format!("- 4 x1 {REJECTED}"),
        format!("- 5 x1 {REJECTED}"),
    ];
    wait_for(&node, 0, &expected.iter().map(String::as_str).collect::<Vec<_>>());
    let started = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(300));
            produce(&node, 5);
        });
        assert_eq!(one.fetch(), [(6, 7, 1)]);
    });
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[test]
fn a_leader_that_takes_over_copies_what_is_left() {
    let _turn = beside_others();
    const COUNT: i64 = 400;
    let node = TestNode::start("dead-letters-moved", SETTINGS);
    let configs = [(NAME, QUEUE), ("share.auto.offset.reset", "earliest")];
    let other = start_leader(&node, "dead-letters-moved-2", &configs);
    let mut one = Consumer::new(&other, "one");
    one.open();
    produce(&other, COUNT);
    assert_eq!(one.fetch(), [(0, COUNT - 1, 1)]);
    assert_eq!(one.acknowledge(&[(0, COUNT - 1, REJECT)]), ErrorCode::None);
    drop(one);
    drop(other);
    // All of it is left. Some records to a batch, so that it takes several.
    create_on(&node, QUEUE, &[&[1]], &[ENABLED, ("max.message.bytes", "1000")]);
    // Also though nobody of the group comes.
    let offset = |record: &Record| letter(record).split(' ').nth(1).unwrap().parse::<i64>().unwrap();
    let copied = || records(&node, QUEUE, 0).iter().map(offset).collect::<std::collections::BTreeSet<_>>();
    eventually("all copies", || i64::try_from(copied().len()).unwrap() == COUNT);
}
