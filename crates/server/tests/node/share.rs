//! Share groups' fetches and acknowledgements, as consumers see them.

use klamm_protocol::{
    ErrorCode, Records, Uuid,
    api::{
        delete_share_group_state::{
            DeleteShareGroupStateRequest, DeleteStateData, PartitionData as DeletedState,
        },
        find_coordinator::FindCoordinatorRequest,
        incremental_alter_configs::{AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest},
        initialize_share_group_state::{
            InitializeShareGroupStateRequest, InitializeStateData, PartitionData as InitialState,
        },
        produce::{PartitionProduceData, ProduceRequest, TopicProduceData},
        share_acknowledge::{AcknowledgePartition, AcknowledgeTopic, ShareAcknowledgeRequest},
        share_fetch::{
            AcknowledgementBatch, FetchPartition, FetchTopic, PartitionData, ShareFetchRequest,
            ShareFetchResponse,
        },
        write_share_group_state::{
            PartitionData as WrittenState, StateBatch, WriteShareGroupStateRequest, WriteStateData,
        },
    },
    records::{BatchBuilder, BatchIter, BatchOptions},
};

use crate::{
    dead_letters::create_on,
    harness::{Client, TestNode, beside_others, eventually, fresh_dir},
};

pub(crate) const SETTINGS: &[(&str, &str)] = &[
    ("share.coordinator.state.topic.replication.factor", "1"),
    ("share.coordinator.state.topic.min.isr", "1"),
    ("share.coordinator.state.topic.num.partitions", "3"),
    ("group.share.min.record.lock.duration.ms", "1000"),
];
pub(crate) const TOPIC: &str = "queue";
pub(crate) const GROUP: &str = "workers";

pub(crate) const ACCEPT: i8 = 1;
pub(crate) const RELEASE: i8 = 2;
pub(crate) const REJECT: i8 = 3;
const RENEW: i8 = 4;

pub(crate) fn produce(node: &TestNode, count: i64) {
    produce_in(node, 0, count, 0);
}

/// Adds a batch of records to a partition, each of them larger than it has to be.
fn produce_in(node: &TestNode, index: i32, count: i64, padding: usize) {
    let mut batch = BatchBuilder::new(BatchOptions::default());
    for number in 0..count {
        let value = format!("{number}{:padding$}", "");
        batch.append_at(number, 1, None, Some(value.as_bytes()), &[]).unwrap();
    }
    produce_batch(node, index, batch);
}

pub(crate) fn produce_batch(node: &TestNode, index: i32, batch: BatchBuilder) {
    let records = Some(Records::Bytes(batch.build().unwrap().freeze()));
    let partition_data = vec![PartitionProduceData { index, records, ..Default::default() }];
    let topic_data = vec![TopicProduceData { name: TOPIC.into(), partition_data, ..Default::default() }];
    let request = ProduceRequest { acks: -1, timeout_ms: 5000, topic_data, ..Default::default() };
    let answer = node.connect().call(&request, 11);
    assert_eq!(answer.responses[0].partition_responses[0].error_code, 0);
}

/// What the group's coordinator does when a member subscribes to the topic.
pub(crate) fn initialize(node: &TestNode, count: i32) {
    initialize_at(node, count, 1, -1);
}

/// What it does when the offsets are altered.
pub(crate) fn initialize_at(node: &TestNode, count: i32, state_epoch: i32, start_offset: i64) {
    let mut client = node.connect();
    let topic_id = client.metadata(Some(&[TOPIC])).topics[0].topic_id;
    let state = |partition| InitialState { partition, state_epoch, start_offset, ..Default::default() };
    let partitions: Vec<_> = (0..count).map(state).collect();
    let topics = vec![InitializeStateData { topic_id, partitions, ..Default::default() }];
    let request = InitializeShareGroupStateRequest { group_id: GROUP.into(), topics, ..Default::default() };
    find_coordinator(node, topic_id);
    eventually("a state", || {
        client.call(&request, 0).results[0].partitions.iter().all(|partition| partition.error_code == 0)
    });
}

/// To be asked for the coordinator is what has its topic made.
pub(crate) fn find_coordinator(node: &TestNode, topic_id: Uuid) {
    let key = format!("{GROUP}:{topic_id}:0");
    let find =
        FindCoordinatorRequest { key_type: 2, coordinator_keys: vec![key.into()], ..Default::default() };
    let mut client = node.connect();
    eventually("a share coordinator", || client.call(&find, 6).coordinators[0].error_code == 0);
}

/// What it does when the group is deleted, or its offsets are.
pub(crate) fn delete_state(node: &TestNode) {
    let mut client = node.connect();
    let topic_id = client.metadata(Some(&[TOPIC])).topics[0].topic_id;
    let topics =
        vec![DeleteStateData { topic_id, partitions: vec![DeletedState::default()], ..Default::default() }];
    let request = DeleteShareGroupStateRequest { group_id: GROUP.into(), topics, ..Default::default() };
    assert_eq!(client.call(&request, 0).results[0].partitions[0].error_code, 0);
}

/// What a leader of the partition writes that says that these records wait for the dead-letter queue.
pub(crate) fn write_dead_letters(node: &TestNode, first_offset: i64, last_offset: i64) {
    let state_batches = vec![StateBatch {
        first_offset,
        last_offset,
        delivery_state: 3,
        delivery_count: 1,
        ..Default::default()
    }];
    assert_eq!(write_state(node, -1, first_offset, state_batches), ErrorCode::None);
}

/// Writes a state as the leader of a leader epoch does.
pub(crate) fn write_state(
    node: &TestNode,
    leader_epoch: i32,
    start_offset: i64,
    state_batches: Vec<StateBatch>,
) -> ErrorCode {
    let mut client = node.connect();
    let topic_id = client.metadata(Some(&[TOPIC])).topics[0].topic_id;
    let partitions = vec![WrittenState {
        state_epoch: -1,
        leader_epoch,
        start_offset,
        state_batches,
        ..Default::default()
    }];
    let topics = vec![WriteStateData { topic_id, partitions, ..Default::default() }];
    let request = WriteShareGroupStateRequest { group_id: GROUP.into(), topics, ..Default::default() };
    ErrorCode::from_code(client.call(&request, 1).results[0].partitions[0].error_code)
}

pub(crate) fn configure_group(node: &TestNode, configs: &[(&str, &str)]) {
    let configs = configs.iter().map(|(name, value)| AlterableConfig {
        name: (*name).into(),
        value: Some((*value).into()),
        ..Default::default()
    });
    let resource = AlterConfigsResource {
        resource_type: 32,
        resource_name: GROUP.into(),
        configs: configs.collect(),
        ..Default::default()
    };
    let request = IncrementalAlterConfigsRequest { resources: vec![resource], ..Default::default() };
    assert_eq!(node.connect().call(&request, 1).responses[0].error_code, 0);
}

/// What is said of records, from one offset to another.
type Said = (i64, i64, i8);

fn ranges(ranges: &[Said]) -> Vec<AcknowledgementBatch> {
    let ranges = ranges.iter().map(|(first_offset, last_offset, kind)| AcknowledgementBatch {
        first_offset: *first_offset,
        last_offset: *last_offset,
        acknowledge_types: vec![*kind],
        ..Default::default()
    });
    ranges.collect()
}

/// Makes a request wrong.
type Change = &'static dyn Fn(&mut ShareFetchRequest);

/// A consumer in a share group, with one partition.
pub(crate) struct Consumer {
    client: Client,
    member: &'static str,
    topic_id: Uuid,
    epoch: i32,
    pub(crate) max_wait_ms: i32,
    pub(crate) max_records: i32,
    pub(crate) mode: i8,
}

impl Consumer {
    pub(crate) fn new(node: &TestNode, member: &'static str) -> Self {
        let mut client = node.connect();
        let topic_id = client.metadata(Some(&[TOPIC])).topics[0].topic_id;
        Self { client, member, topic_id, epoch: 0, max_wait_ms: 10_000, max_records: 500, mode: 0 }
    }

    fn request(&mut self, ranges: Vec<AcknowledgementBatch>) -> ShareFetchRequest {
        let partitions = vec![FetchPartition {
            partition_index: 0,
            acknowledgement_batches: ranges,
            ..Default::default()
        }];
        let topics = vec![FetchTopic { topic_id: self.topic_id, partitions, ..Default::default() }];
        let request = ShareFetchRequest {
            group_id: Some(GROUP.into()),
            member_id: Some(self.member.into()),
            share_session_epoch: self.epoch,
            max_wait_ms: self.max_wait_ms,
            min_bytes: 1,
            max_bytes: 1 << 20,
            max_records: self.max_records,
            batch_size: self.max_records,
            share_acquire_mode: self.mode,
            topics,
            ..Default::default()
        };
        self.epoch += 1;
        request
    }

    fn fetch_with(&mut self, ranges: Vec<AcknowledgementBatch>) -> ShareFetchResponse {
        let request = self.request(ranges);
        self.client.call(&request, 2)
    }

    /// Opens the session, so that what is produced from now on comes.
    pub(crate) fn open(&mut self) {
        // The state is there; reading it takes but a moment of this.
        let wait = std::mem::replace(&mut self.max_wait_ms, 300);
        let answer = self.fetch_with(Vec::new());
        assert_eq!(answer.responses[0].partitions[0].error_code, 0, "{answer:?}");
        self.max_wait_ms = wait;
    }

    /// The ranges that came, each with its delivery count.
    pub(crate) fn fetch(&mut self) -> Vec<(i64, i64, i16)> {
        let answer = self.fetch_with(Vec::new());
        assert_eq!(answer.error_code, 0);
        let Some(topic) = answer.responses.first() else { return Vec::new() };
        let data = &topic.partitions[0];
        assert_eq!(data.error_code, 0);
        let got = acquired(data);
        if let Some((first, last)) = got.first().zip(got.last()).map(|(first, last)| (first.0, last.1)) {
            let bytes = data.records.bytes().cloned().unwrap();
            let batches: Vec<_> = BatchIter::new(bytes).map(Result::unwrap).collect();
            assert!(
                batches.first().unwrap().base_offset <= first
                    && batches.last().unwrap().last_offset() >= last
            );
        }
        got
    }

    pub(crate) fn acknowledge(&mut self, said: &[Said]) -> ErrorCode {
        let told = self.acknowledge_entries(&[(0, said)]);
        let [(0, code)] = told[..] else { panic!("{told:?}") };
        code
    }

    /// What comes of acknowledgements with an entry for each of these partitions, by partition.
    fn acknowledge_entries(&mut self, entries: &[(i32, &[Said])]) -> Vec<(i32, ErrorCode)> {
        let batch =
            |range: AcknowledgementBatch| klamm_protocol::api::share_acknowledge::AcknowledgementBatch {
                first_offset: range.first_offset,
                last_offset: range.last_offset,
                acknowledge_types: range.acknowledge_types,
                ..Default::default()
            };
        let partitions = entries.iter().map(|(partition_index, said)| AcknowledgePartition {
            partition_index: *partition_index,
            acknowledgement_batches: ranges(said).into_iter().map(batch).collect(),
            ..Default::default()
        });
        let partitions = partitions.collect();
        let topics = vec![AcknowledgeTopic { topic_id: self.topic_id, partitions, ..Default::default() }];
        let request = ShareAcknowledgeRequest {
            group_id: Some(GROUP.into()),
            member_id: Some(self.member.into()),
            share_session_epoch: self.epoch,
            is_renew_ack: entries.iter().flat_map(|(_, said)| *said).any(|(.., kind)| *kind == RENEW),
            topics,
            ..Default::default()
        };
        self.epoch += 1;
        let answer = self.client.call(&request, 2);
        assert_eq!(answer.error_code, 0);
        let partitions = answer.responses.iter().flat_map(|topic| &topic.partitions);
        partitions.map(|data| (data.partition_index, ErrorCode::from_code(data.error_code))).collect()
    }
}

fn acquired(data: &PartitionData) -> Vec<(i64, i64, i16)> {
    let runs = data.acquired_records.iter();
    runs.map(|run| (run.first_offset, run.last_offset, run.delivery_count)).collect()
}

pub(crate) fn start(name: &str) -> TestNode {
    start_with(name, 1)
}

fn start_with(name: &str, partitions: i32) -> TestNode {
    let node = TestNode::start(name, SETTINGS);
    node.create_topic(TOPIC, partitions, &[]);
    initialize(&node, partitions);
    node
}

#[test]
fn records_are_shared_acknowledged_and_given_back() {
    let _turn = beside_others();
    let node = start("share-basics");
    let mut one = Consumer::new(&node, "one");
    let mut other = Consumer::new(&node, "other");
    one.open();
    other.open();
    produce(&node, 4);
    produce(&node, 6);
    one.max_records = 4;
    assert_eq!(one.fetch(), [(0, 3, 1)]);
    assert_eq!(other.fetch(), [(4, 9, 1)]);
    assert_eq!(other.acknowledge(&[(0, 3, ACCEPT)]), ErrorCode::InvalidRecordState);
    assert_eq!(one.acknowledge(&[(0, 1, ACCEPT), (2, 2, REJECT), (3, 3, RELEASE)]), ErrorCode::None);
    assert_eq!(one.fetch(), [(3, 3, 2)]);
    // With the next fetch, which then waits for what the other has.
    let answer = one.fetch_with(ranges(&[(3, 3, RELEASE)]));
    let data = &answer.responses[0].partitions[0];
    assert_eq!((data.acknowledge_error_code, acquired(data)), (0, vec![(3, 3, 3)]));
    // A limit of records is kept to.
    assert_eq!(other.acknowledge(&[(4, 9, RELEASE)]), ErrorCode::None);
    (other.mode, other.max_records) = (1, 2);
    assert_eq!(other.fetch(), [(4, 5, 2)]);
    node.assert_serves_others();
}

#[test]
fn what_is_said_last_of_a_partition_counts() {
    let _turn = beside_others();
    let node = start_with("share-entries", 2);
    let mut one = Consumer::new(&node, "one");
    one.open();
    produce(&node, 3);
    assert_eq!(one.fetch(), [(0, 2, 1)]);
    let ok = ErrorCode::None;
    // Nothing said of any partition: nothing to answer.
    assert_eq!(one.acknowledge_entries(&[(0, &[]), (1, &[])]), []);
    assert_eq!(one.acknowledge_entries(&[(0, &[(0, 2, ACCEPT)]), (0, &[])]), []);
    // What came before it is not even looked at.
    let entries: &[(i32, &[_])] =
        &[(0, &[(0, 2, 9)]), (0, &[(0, 0, REJECT)]), (0, &[(0, 1, RELEASE)]), (1, &[])];
    assert_eq!(one.acknowledge_entries(entries), [(0, ok), (1, ok)]);
    assert_eq!(one.fetch(), [(0, 1, 2)]);
    // With a fetch as well.
    let mut request = one.request(ranges(&[(0, 2, 9)]));
    let partition = |ranges| FetchPartition { acknowledgement_batches: ranges, ..Default::default() };
    request.topics[0].partitions.push(partition(ranges(&[(0, 2, RELEASE)])));
    let answer = one.client.call(&request, 2);
    let data = &answer.responses[0].partitions[0];
    assert_eq!((data.acknowledge_error_code, acquired(data)), (0, vec![(0, 1, 3), (2, 2, 2)]));
}

#[test]
fn a_fetch_waits_for_records_and_for_what_others_give_back() {
    let _turn = beside_others();
    let node = start("share-waits");
    let mut one = Consumer::new(&node, "one");
    let mut other = Consumer::new(&node, "other");
    one.open();
    other.open();
    let request = one.request(Vec::new());
    one.client.send_request(&request, 2);
    produce(&node, 3);
    let answer = one.client.read_response::<ShareFetchRequest>(2);
    assert_eq!(acquired(&answer.responses[0].partitions[0]), [(0, 2, 1)]);
    // The other one waits until the first has gone, with its connection.
    let request = other.request(Vec::new());
    other.client.send_request(&request, 2);
    drop(one);
    let answer = other.client.read_response::<ShareFetchRequest>(2);
    assert_eq!(acquired(&answer.responses[0].partitions[0]), [(0, 2, 2)]);
    // Nothing comes, in time.
    other.max_wait_ms = 100;
    assert_eq!(other.fetch(), []);
}

#[test]
fn every_session_ends_with_its_connection() {
    let _turn = beside_others();
    let settings = [SETTINGS, &[("group.share.max.share.sessions", "2")]].concat();
    let node = TestNode::start("share-sessions", &settings);
    node.create_topic(TOPIC, 1, &[]);
    initialize(&node, 1);
    let open = |consumer: &mut Consumer, member| {
        (consumer.member, consumer.epoch, consumer.max_wait_ms) = (member, 0, 0);
        ErrorCode::from_code(consumer.fetch_with(Vec::new()).error_code)
    };
    let mut two = Consumer::new(&node, "one");
    assert_eq!([open(&mut two, "one"), open(&mut two, "other")], [ErrorCode::None; 2]);
    let mut later = Consumer::new(&node, "third");
    assert_eq!(open(&mut later, "third"), ErrorCode::ShareSessionLimitReached);
    drop(two);
    for member in ["third", "fourth"] {
        eventually("room for a session", || open(&mut later, member) == ErrorCode::None);
    }
}

#[test]
fn locks_run_out_unless_they_are_renewed() {
    let _turn = beside_others();
    let node = start("share-locks");
    configure_group(&node, &[("share.record.lock.duration.ms", "1000")]);
    let mut one = Consumer::new(&node, "one");
    let mut other = Consumer::new(&node, "other");
    one.open();
    other.open();
    produce(&node, 2);
    assert_eq!(one.fetch(), [(0, 1, 1)]);
    let started = std::time::Instant::now();
    std::thread::sleep(std::time::Duration::from_millis(600));
    assert_eq!(one.acknowledge(&[(0, 1, RENEW)]), ErrorCode::None);
    assert_eq!(other.fetch(), [(0, 1, 2)]);
    assert!(started.elapsed() >= std::time::Duration::from_millis(1600), "{:?}", started.elapsed());
    assert_eq!(one.acknowledge(&[(0, 1, ACCEPT)]), ErrorCode::InvalidRecordState);
}

#[test]
fn what_a_group_is_configured_to_counts_at_once() {
    let _turn = beside_others();
    let node = start("share-configured");
    let mut one = Consumer::new(&node, "one");
    one.open();
    produce(&node, 2);
    assert_eq!(one.fetch(), [(0, 1, 1)]);
    assert_eq!(one.acknowledge(&[(0, 1, RENEW)]), ErrorCode::None);
    // Also though nobody fetches any more.
    configure_group(&node, &[("share.renew.acknowledge.enable", "false")]);
    eventually("no renewal", || one.acknowledge(&[(0, 1, RENEW)]) == ErrorCode::InvalidRecordState);
    // And for a fetch that waits already.
    let waiting = std::thread::spawn(move || {
        let got = one.fetch();
        (one, got)
    });
    std::thread::sleep(std::time::Duration::from_millis(300));
    configure_group(
        &node,
        &[("share.partition.max.record.locks", "100"), ("share.delivery.count.limit", "2")],
    );
    produce(&node, 1);
    let (mut one, got) = waiting.join().unwrap();
    assert_eq!(got, [(2, 2, 1)]);
    assert_eq!(one.acknowledge(&[(2, 2, RELEASE)]), ErrorCode::None);
    assert_eq!(one.fetch(), [(2, 2, 2)]);
    // It was the last time.
    assert_eq!(one.acknowledge(&[(2, 2, RELEASE)]), ErrorCode::None);
    one.max_wait_ms = 500;
    assert_eq!(one.fetch(), []);
}

/// A second broker that leads the topic's partition, which the first one follows; all else is on that one. The group is
/// configured, and both are in sync and know of it.
pub(crate) fn start_leader(node: &TestNode, dir: &str, configs: &[(&str, &str)]) -> TestNode {
    // All but the records is on the first broker.
    find_coordinator(node, Uuid::from_u128(1));
    let other = node.start_broker(fresh_dir(dir), 2, SETTINGS);
    create_on(node, TOPIC, &[&[2, 1]], &[]);
    eventually("both to be in sync", || {
        let answer = node.connect().metadata(Some(&[TOPIC]));
        let partition = answer.topics.first().and_then(|topic| topic.partitions.first());
        partition.is_some_and(|partition| partition.leader_id == 2 && partition.isr_nodes.len() == 2)
    });
    initialize(node, 1);
    configure_group(node, configs);
    eventually("the other broker to know of it", || {
        other.connect().metadata(Some(&[TOPIC])).topics[0].error_code == 0
    });
    other
}

/// With Kafka it does not, and a record may come once more than the group's limit allows.
#[test]
fn a_leader_that_takes_over_knows_what_the_one_before_had_given_out() {
    let _turn = beside_others();
    let node = TestNode::start("share-moved", SETTINGS);
    let other = start_leader(&node, "share-moved-2", &[("share.delivery.count.limit", "2")]);
    let mut one = Consumer::new(&other, "one");
    one.open();
    produce(&other, 1);
    assert_eq!(one.fetch(), [(0, 0, 1)]);
    drop(other.stop());
    let mut two = Consumer::new(&node, "two");
    let mut got = Vec::new();
    eventually("the record", || {
        got = two.fetch();
        !got.is_empty()
    });
    assert_eq!(got, [(0, 0, 2)]);
}

#[test]
fn what_was_acknowledged_survives_the_node() {
    let _turn = beside_others();
    let node = start("share-restart");
    configure_group(&node, &[("share.auto.offset.reset", "earliest")]);
    produce(&node, 10);
    let mut one = Consumer::new(&node, "one");
    eventually("the first records", || {
        one.epoch = 0;
        one.fetch_with(Vec::new())
            .responses
            .first()
            .is_some_and(|topic| acquired(&topic.partitions[0]) == [(0, 9, 1)])
    });
    assert_eq!(one.acknowledge(&[(0, 4, ACCEPT), (5, 5, RELEASE)]), ErrorCode::None);
    let node = TestNode::start_in(node.stop(), SETTINGS);
    let mut one = Consumer::new(&node, "one");
    let mut got = Vec::new();
    eventually("the records after them", || {
        one.epoch = 0;
        let answer = one.fetch_with(Vec::new());
        got = answer.responses.first().map_or(Vec::new(), |topic| acquired(&topic.partitions[0]));
        !got.is_empty()
    });
    // A node that stops says of those that nobody acknowledged that they were delivered, if its coordinator is still there.
    assert!(got == [(5, 9, 2)] || got == [(5, 5, 2), (6, 9, 1)], "{got:?}");
}

/// What a fetch of several partitions with a limit of bytes brings: how many records of each partition.
fn fetch_several(consumer: &mut Consumer, partitions: &[i32], max_bytes: i32) -> Vec<(i32, i64)> {
    let mut request = consumer.request(Vec::new());
    request.max_bytes = max_bytes;
    request.topics[0].partitions = partitions
        .iter()
        .map(|index| FetchPartition { partition_index: *index, ..Default::default() })
        .collect();
    let answer = consumer.client.call(&request, 2);
    let found = answer.responses.iter().flat_map(|topic| &topic.partitions).map(|data| {
        assert_eq!(data.error_code, 0);
        let runs = data.acquired_records.iter();
        (data.partition_index, runs.map(|run| run.last_offset - run.first_offset + 1).sum())
    });
    let mut found: Vec<(i32, i64)> = found.filter(|(_, count)| *count > 0).collect();
    found.sort_unstable();
    found
}

#[test]
fn bytes_are_divided_among_the_partitions_that_have_records_to_give() {
    let _turn = beside_others();
    let node = start_with("share-bytes", 3);
    configure_group(
        &node,
        &[("share.partition.max.record.locks", "100"), ("share.auto.offset.reset", "earliest")],
    );
    let (mut one, mut other) = (Consumer::new(&node, "one"), Consumer::new(&node, "other"));
    let ready = |consumer: &mut Consumer| {
        consumer.max_wait_ms = 300;
        fetch_several(consumer, &[0, 1, 2], 1 << 20);
    };
    ready(&mut one);
    ready(&mut other);
    for index in 0..3 {
        for _ in 0..3 {
            produce_in(&node, index, 1, 1000);
        }
    }
    // Each has a third of it, which is one batch of more than 1000 bytes.
    assert_eq!(fetch_several(&mut one, &[], 4500), [(0, 1), (1, 1), (2, 1)]);
    // Too little for any: the first one's first batch comes all the same, and nothing else.
    assert_eq!(fetch_several(&mut one, &[], 100).iter().map(|(_, count)| count).sum::<i64>(), 1);
    // All that is left; then two partitions are full, and the third has all the bytes.
    let left = fetch_several(&mut other, &[], 1 << 20);
    assert_eq!(left.iter().map(|(_, count)| count).sum::<i64>(), 5);
    for index in [1, 2] {
        produce_in(&node, index, 97, 0);
    }
    assert_eq!(fetch_several(&mut other, &[], 1 << 20), [(1, 97), (2, 97)]);
    for index in 0..3 {
        for _ in 0..3 {
            produce_in(&node, index, 1, 1000);
        }
    }
    assert_eq!(fetch_several(&mut one, &[], 3500), [(0, 3)]);
}

#[test]
fn a_partition_without_state_is_tried_again_with_each_fetch_and_no_sooner() {
    let _turn = beside_others();
    let node = TestNode::start("share-stateless", SETTINGS);
    node.create_topic(TOPIC, 1, &[]);
    let mut one = Consumer::new(&node, "one");
    find_coordinator(&node, one.topic_id);
    (one.max_wait_ms, one.epoch) = (500, 0);
    let code = |answer: ShareFetchResponse| {
        answer.responses.first().map(|topic| ErrorCode::from_code(topic.partitions[0].error_code))
    };
    eventually("a failure", || code(one.fetch_with(Vec::new())) == Some(ErrorCode::UnknownServerError));
    let started = std::time::Instant::now();
    assert_eq!(code(one.fetch_with(Vec::new())), Some(ErrorCode::UnknownServerError));
    assert!(started.elapsed() >= std::time::Duration::from_millis(500), "{:?}", started.elapsed());
    // One that does not wait begins another attempt all the same.
    let impatient = |one: &mut Consumer| {
        let mut request = one.request(Vec::new());
        (request.max_wait_ms, request.min_bytes) = (0, 2);
        code(one.client.call(&request, 2)).unwrap_or(ErrorCode::None)
    };
    impatient(&mut one);
    initialize(&node, 1);
    eventually("the partition", || impatient(&mut one) == ErrorCode::None);
    one.max_wait_ms = 300;
    one.fetch();
    produce(&node, 3);
    one.max_wait_ms = 10_000;
    assert_eq!(one.fetch(), [(0, 2, 1)]);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let _turn = beside_others();
    let node = start("share-refused");
    let mut one = Consumer::new(&node, "one");
    let top_level = |one: &mut Consumer, change: &dyn Fn(&mut ShareFetchRequest)| {
        let mut request = one.request(Vec::new());
        request.max_wait_ms = 0;
        change(&mut request);
        ErrorCode::from_code(one.client.call(&request, 2).error_code)
    };
    let cases: &[(Change, ErrorCode)] = &[
        (&|request| request.group_id = None, ErrorCode::InvalidRequest),
        (&|request| request.member_id = None, ErrorCode::InvalidRequest),
        (&|request| request.member_id = Some("x".repeat(37).into()), ErrorCode::InvalidRequest),
        (&|request| request.is_renew_ack = true, ErrorCode::InvalidRequest),
        (&|request| request.share_session_epoch = 5, ErrorCode::ShareSessionNotFound),
        (&|request| request.share_session_epoch = -1, ErrorCode::ShareSessionNotFound),
        (
            &|request| request.topics[0].partitions[0].acknowledgement_batches = ranges(&[(0, 0, ACCEPT)]),
            ErrorCode::InvalidRequest,
        ),
    ];
    for (change, expected) in cases {
        one.epoch = 0;
        assert_eq!(top_level(&mut one, change), *expected);
    }
    one.epoch = 0;
    one.open();
    one.max_wait_ms = 0;
    for nonsense in
        [(5, 4, ACCEPT), (0, 0, 9), (0, 0, -1), (i64::MIN, i64::MAX, ACCEPT), (7, i64::MAX, ACCEPT)]
    {
        let code = one.acknowledge(&[nonsense]);
        assert!(
            matches!(code, ErrorCode::InvalidRequest | ErrorCode::InvalidRecordState),
            "{nonsense:?}: {code:?}"
        );
    }
    let unknown = top_level(&mut one, &|request| request.topics[0].topic_id = Uuid::from_u128(7));
    assert_eq!(unknown, ErrorCode::None);
    assert_eq!(
        top_level(&mut one, &|request| request.share_session_epoch = 1),
        ErrorCode::InvalidShareSessionEpoch
    );
    node.assert_serves_others();
}
