//! Transactions over two brokers, as producers and `read_committed` consumers see them.

use klamm_protocol::{
    ErrorCode, Records,
    api::{
        end_txn::EndTxnRequest,
        fetch::{FetchPartition, FetchRequest, FetchTopic},
        find_coordinator::FindCoordinatorRequest,
        init_producer_id::InitProducerIdRequest,
        list_transactions::ListTransactionsRequest,
        offset_fetch::{OffsetFetchRequest, OffsetFetchRequestGroup},
        produce::{PartitionProduceData, ProduceRequest, TopicProduceData},
        txn_offset_commit::{
            TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
        },
    },
    records::{BatchBuilder, BatchIter, BatchOptions},
};

use crate::{
    harness::{TestNode, beside_others, eventually, free_port, fresh_dir},
    metrics::told,
};

const SETTINGS: &[(&str, &str)] = &[
    ("transaction.state.log.replication.factor", "1"),
    ("transaction.state.log.min.isr", "1"),
    ("transaction.state.log.num.partitions", "3"),
    ("transaction.abort.timed.out.transaction.cleanup.interval.ms", "100"),
];
const TOPIC: &str = "ledger";
const PARTITIONS: i32 = 4;

/// Old timestamps would make markers, which have the broker's, begin new segments.
fn now_ms() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap()
}

/// The nodes that are up, by id.
struct Cluster<'a>(Vec<(i32, &'a TestNode)>);

impl Cluster<'_> {
    fn node(&self, id: i32) -> Option<&TestNode> {
        self.0.iter().find(|(known, _)| *known == id).map(|(_, node)| *node)
    }

    fn leader(&self, partition: i32) -> &TestNode {
        let mut found = None;
        eventually("a leader", || {
            let metadata = self.0[0].1.connect().metadata(Some(&[TOPIC]));
            let mut partitions = metadata.topics[0].partitions.iter();
            let leader = partitions.find(|known| known.partition_index == partition);
            found = leader.and_then(|leader| self.node(leader.leader_id));
            found.is_some()
        });
        found.unwrap()
    }

    fn coordinator(&self, key: &str, key_type: i8) -> &TestNode {
        let request =
            FindCoordinatorRequest { key_type, coordinator_keys: vec![key.into()], ..Default::default() };
        let mut found = None;
        eventually("a coordinator", || {
            let answer = self.0[0].1.connect().call(&request, 6);
            found = self.node(answer.coordinators[0].node_id);
            found.is_some()
        });
        found.unwrap()
    }

    /// The values that a consumer sees in all partitions.
    fn values(&self, isolation_level: i8) -> Vec<String> {
        let mut values: Vec<String> =
            (0..PARTITIONS).flat_map(|partition| self.values_in(partition, isolation_level)).collect();
        values.sort();
        values
    }

    fn values_in(&self, partition: i32, isolation_level: i8) -> Vec<String> {
        let partitions =
            vec![FetchPartition { partition, partition_max_bytes: 1 << 20, ..Default::default() }];
        let topics = vec![FetchTopic { topic: TOPIC.into(), partitions, ..Default::default() }];
        let request = FetchRequest { max_bytes: 1 << 20, isolation_level, topics, ..Default::default() };
        let answer = self.leader(partition).connect().call(&request, 12);
        let data = &answer.responses[0].partitions[0];
        assert_eq!(data.error_code, 0);
        let aborted = data.aborted_transactions.clone().unwrap_or_default();
        let bytes = data.records.as_ref().and_then(Records::bytes).cloned().unwrap_or_default();
        let mut values = Vec::new();
        let mut skipped: Vec<i64> = Vec::new();
        for batch in BatchIter::new(bytes) {
            let batch = batch.unwrap();
            // As a consumer does: from an aborted transaction's first record to its marker nothing counts.
            let starts = aborted.iter().any(|aborted| {
                aborted.producer_id == batch.producer_id && aborted.first_offset == batch.base_offset
            });
            if starts {
                skipped.push(batch.producer_id);
            }
            if batch.is_control() {
                skipped.retain(|id| *id != batch.producer_id);
            } else if !skipped.contains(&batch.producer_id) {
                let records = batch.records().unwrap();
                values.extend(
                    records.map(|record| String::from_utf8(record.unwrap().value.unwrap().to_vec()).unwrap()),
                );
            }
        }
        values
    }

    fn committed_offset(&self, group: &str) -> i64 {
        let groups =
            vec![OffsetFetchRequestGroup { group_id: group.into(), topics: None, ..Default::default() }];
        let request = OffsetFetchRequest { groups, require_stable: true, ..Default::default() };
        let answer = self.coordinator(group, 0).connect().call(&request, 9);
        let topics = &answer.groups[0].topics;
        topics.first().map_or(-1, |topic| topic.partitions[0].committed_offset)
    }
}

/// A producer that works by transaction version 2.
struct Producer<'a> {
    cluster: &'a Cluster<'a>,
    transactional_id: &'static str,
    id: i64,
    epoch: i16,
    sequences: [i32; PARTITIONS as usize],
}

impl<'a> Producer<'a> {
    fn new(cluster: &'a Cluster<'a>, transactional_id: &'static str) -> Self {
        Self::with_timeout(cluster, transactional_id, 60_000)
    }

    fn with_timeout(cluster: &'a Cluster<'a>, transactional_id: &'static str, timeout_ms: i32) -> Self {
        let request = InitProducerIdRequest {
            transactional_id: Some(transactional_id.into()),
            transaction_timeout_ms: timeout_ms,
            ..Default::default()
        };
        let mut granted = (-1, -1);
        eventually("a producer id", || {
            let coordinator = cluster.coordinator(transactional_id, 1);
            let answer = coordinator.connect().call(&request, 5);
            granted = (answer.producer_id, answer.producer_epoch);
            answer.error_code == 0
        });
        let (id, epoch) = granted;
        Self { cluster, transactional_id, id, epoch, sequences: [0; PARTITIONS as usize] }
    }

    /// Writes a value in an epoch of this producer.
    fn write_in(&self, epoch: i16, partition: i32, sequence: i32, value: &str) -> ErrorCode {
        let options = BatchOptions {
            producer_id: self.id,
            producer_epoch: epoch,
            base_sequence: sequence,
            transactional: true,
            ..Default::default()
        };
        let mut builder = BatchBuilder::new(options);
        builder.append(now_ms(), Some(b"key"), Some(value.as_bytes()), &[]).unwrap();
        let records = Some(Records::Bytes(builder.build().unwrap().freeze()));
        let partition_data = vec![PartitionProduceData { index: partition, records, ..Default::default() }];
        let request = ProduceRequest {
            transactional_id: Some(self.transactional_id.into()),
            acks: -1,
            timeout_ms: 30_000,
            topic_data: vec![TopicProduceData { name: TOPIC.into(), partition_data, ..Default::default() }],
            ..Default::default()
        };
        let mut code = ErrorCode::None;
        eventually("an answer that is final", || {
            let answer = self.cluster.leader(partition).connect().call(&request, 12);
            code = ErrorCode::from_code(answer.responses[0].partition_responses[0].error_code);
            // The markers of the transaction before may be under way.
            code != ErrorCode::ConcurrentTransactions && code != ErrorCode::NotEnoughReplicas
        });
        code
    }

    fn write(&mut self, partition: i32, value: &str) {
        let sequence = &mut self.sequences[usize::try_from(partition).unwrap()];
        let next = *sequence;
        *sequence += 1;
        assert_eq!(self.write_in(self.epoch, partition, next, value), ErrorCode::None, "{value}");
    }

    fn commit_offset(&self, group: &str, offset: i64) {
        let partition = TxnOffsetCommitRequestPartition { committed_offset: offset, ..Default::default() };
        let topic = TxnOffsetCommitRequestTopic {
            name: TOPIC.into(),
            partitions: vec![partition],
            ..Default::default()
        };
        let request = TxnOffsetCommitRequest {
            transactional_id: self.transactional_id.into(),
            group_id: group.into(),
            producer_id: self.id,
            producer_epoch: self.epoch,
            topics: vec![topic],
            ..Default::default()
        };
        eventually("offsets are taken", || {
            let answer = self.cluster.coordinator(group, 0).connect().call(&request, 5);
            let error = ErrorCode::from_code(answer.topics[0].partitions[0].error_code);
            // A machine with too much to do may take too long for a commit.
            let again = [
                ErrorCode::ConcurrentTransactions,
                ErrorCode::NotCoordinator,
                ErrorCode::CoordinatorNotAvailable,
            ];
            assert!(error == ErrorCode::None || again.contains(&error), "{error:?}");
            error == ErrorCode::None
        });
    }

    fn end(&mut self, committed: bool) -> ErrorCode {
        let request = EndTxnRequest {
            transactional_id: self.transactional_id.into(),
            producer_id: self.id,
            producer_epoch: self.epoch,
            committed,
            ..Default::default()
        };
        let mut code = ErrorCode::None;
        eventually("an end", || {
            let coordinator = self.cluster.coordinator(self.transactional_id, 1);
            let answer = coordinator.connect().call(&request, 5);
            code = ErrorCode::from_code(answer.error_code);
            if code == ErrorCode::None {
                (self.id, self.epoch) = (answer.producer_id, answer.producer_epoch);
                self.sequences = [0; PARTITIONS as usize];
            }
            !matches!(code, ErrorCode::ConcurrentTransactions | ErrorCode::CoordinatorLoadInProgress)
        });
        code
    }
}

#[test]
fn a_transaction_is_seen_whole_or_not_at_all() {
    let _guard = beside_others();
    let node = TestNode::start("txn-whole", SETTINGS);
    let other = node.start_broker(fresh_dir("txn-whole-2"), 2, SETTINGS);
    node.create_topic(TOPIC, PARTITIONS, &[]);
    let cluster = Cluster(vec![(1, &node), (2, &other)]);
    let mut producer = Producer::new(&cluster, "writer");
    for partition in 0..PARTITIONS {
        producer.write(partition, &format!("first {partition}"));
    }
    producer.commit_offset("readers", 7);
    assert_eq!(cluster.values(0).len(), 4);
    assert!(cluster.values(1).is_empty(), "an open transaction");
    assert_eq!(cluster.committed_offset("readers"), -1);
    assert_eq!(producer.end(true), ErrorCode::None);
    let first = ["first 0", "first 1", "first 2", "first 3"];
    eventually("all of it", || cluster.values(1) == first);
    eventually("its offsets", || cluster.committed_offset("readers") == 7);

    // One that is aborted is not seen, nor what it would have committed.
    producer.write(0, "aborted");
    producer.write(3, "aborted");
    producer.commit_offset("readers", 9);
    assert_eq!(producer.end(false), ErrorCode::None);
    producer.write(0, "second");
    assert_eq!(producer.end(true), ErrorCode::None);
    eventually("what came after it", || cluster.values(1).last().is_some_and(|last| last == "second"));
    assert_eq!(cluster.values(1).len(), 5);
    assert_eq!(cluster.committed_offset("readers"), 7);

    // A successor ends what its predecessor has begun, and shuts it out.
    producer.write(1, "torn");
    let mut successor = Producer::new(&cluster, "writer");
    assert_eq!(producer.write_in(producer.epoch, 1, 1, "late"), ErrorCode::InvalidProducerEpoch);
    assert_eq!(producer.end(true), ErrorCode::ProducerFenced);
    successor.write(2, "third");
    assert_eq!(successor.end(true), ErrorCode::None);
    eventually("the successor's", || cluster.values(1).len() == 6);
    assert!(!cluster.values(1).contains(&"torn".to_owned()));

    // So does time.
    let mut slow = Producer::with_timeout(&cluster, "slow", 300);
    slow.write(2, "too late");
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert_ne!(slow.end(true), ErrorCode::None);
    let mut next = Producer::new(&cluster, "slow");
    next.write(2, "in time");
    assert_eq!(next.end(true), ErrorCode::None);
    eventually("the last", || cluster.values(1).len() == 7);
}

#[test]
fn a_broker_without_transactions_refuses_a_pattern_that_is_none() {
    let _guard = beside_others();
    let node = TestNode::start("txn-pattern", SETTINGS);
    for (pattern, error) in [("(", ErrorCode::InvalidRegularExpression), ("a.*", ErrorCode::None)] {
        let transactional_id_pattern = Some(pattern.into());
        let request = ListTransactionsRequest { transactional_id_pattern, ..Default::default() };
        let answer = node.connect().call(&request, 2);
        assert_eq!(ErrorCode::from_code(answer.error_code), error, "{pattern}");
    }
}

/// The history that Jepsen published of Kafka's older protocol: a batch of an aborted transaction that comes late is
/// taken for one of the next, and committed with it.
#[test]
fn no_late_batch_tears_a_transaction() {
    let _guard = beside_others();
    let node = TestNode::start("txn-torn", SETTINGS);
    node.create_topic(TOPIC, PARTITIONS, &[]);
    let cluster = Cluster(vec![(1, &node)]);
    let mut producer = Producer::new(&cluster, "writer");
    producer.write(0, "aborted");
    let before = producer.epoch;
    assert_eq!(producer.end(false), ErrorCode::None);
    // Before the next transaction has begun, while it is open in another partition, and in the same.
    assert_eq!(producer.write_in(before, 1, 0, "late"), ErrorCode::InvalidProducerEpoch);
    producer.write(2, "next");
    assert_eq!(producer.write_in(before, 1, 0, "late"), ErrorCode::InvalidProducerEpoch);
    assert_eq!(producer.write_in(before, 2, 1, "late"), ErrorCode::InvalidProducerEpoch);
    assert_eq!(producer.end(true), ErrorCode::None);
    assert_eq!(producer.write_in(before, 2, 1, "late"), ErrorCode::InvalidProducerEpoch);
    eventually("the next one", || cluster.values(1) == ["next"]);
    assert_eq!(cluster.values(0), ["aborted", "next"]);
}

#[test]
fn transactions_go_on_after_a_restart() {
    let _guard = beside_others();
    let node = TestNode::start("txn-restart", SETTINGS);
    node.create_topic(TOPIC, PARTITIONS, &[]);
    let (id, epoch) = {
        let cluster = Cluster(vec![(1, &node)]);
        let mut producer = Producer::new(&cluster, "writer");
        producer.write(0, "one");
        assert_eq!(producer.end(true), ErrorCode::None);
        producer.write(0, "two");
        producer.write(1, "two");
        producer.commit_offset("readers", 5);
        (producer.id, producer.epoch)
    };
    let node = TestNode::start_in(node.stop(), SETTINGS);
    let cluster = Cluster(vec![(1, &node)]);
    eventually("what was committed", || cluster.values(1) == ["one"]);
    let mut sequences = [0; PARTITIONS as usize];
    (sequences[0], sequences[1]) = (1, 1);
    let mut producer = Producer { cluster: &cluster, transactional_id: "writer", id, epoch, sequences };
    producer.write(1, "two, after all");
    assert_eq!(producer.end(true), ErrorCode::None);
    eventually("all of it", || cluster.values(1).len() == 4);
    eventually("its offsets", || cluster.committed_offset("readers") == 5);
}

#[test]
fn verifications_and_markers_that_find_no_leader_are_told() {
    let _guard = beside_others();
    const UNKNOWN: &str =
        "kafka_coordinator_transaction_transactionmarkerchannelmanager_unknowndestinationqueuesize";
    const FAILED: &str = "kafka_server_addpartitionstotxnmanager_verificationfailurerate_total";
    const TIME: &str = "kafka_server_addpartitionstotxnmanager_verificationtimems{quantile=\"0.5\"}";
    let ports = [free_port(), free_port()];
    let listeners = ports.map(|port| format!("127.0.0.1:{port}"));
    let settings = |node: usize| [SETTINGS, &[("klamm.metrics.listener", listeners[node].as_str())]].concat();
    let node = TestNode::start("txn-told", &settings(0));
    let alone = Cluster(vec![(1, &node)]);
    // All coordinators are here.
    alone.coordinator("writer", 1);
    let dir = fresh_dir("txn-told-2");
    let other = node.start_broker(dir.clone(), 2, &settings(1));
    node.create_topic(TOPIC, PARTITIONS, &[]);
    let cluster = Cluster(vec![(1, &node), (2, &other)]);
    let partition = (0..PARTITIONS).find(|partition| cluster.leader(*partition).port == other.port).unwrap();
    let fenced = Producer::new(&cluster, "writer");
    let mut producer = Producer::new(&cluster, "writer");
    assert_eq!(told(ports[1], FAILED), 0.0);
    assert_eq!(fenced.write_in(fenced.epoch, partition, 0, "late"), ErrorCode::InvalidProducerEpoch);
    assert_eq!(told(ports[1], FAILED), 1.0);
    producer.write(partition, "in time");
    assert_eq!(told(ports[1], FAILED), 1.0);
    assert!(told(ports[1], TIME) > 0.0);

    // The partition's only broker goes, and comes back.
    let Producer { transactional_id, id, epoch, sequences, .. } = producer;
    let mut producer = Producer { cluster: &alone, transactional_id, id, epoch, sequences };
    other.stop_keeping();
    assert_eq!(told(ports[0], UNKNOWN), 0.0);
    assert_eq!(producer.end(true), ErrorCode::None);
    eventually("the marker finds no leader", || told(ports[0], UNKNOWN) == 1.0);
    let _other = node.start_broker(dir, 2, SETTINGS);
    eventually("the marker is written", || told(ports[0], UNKNOWN) == 0.0);
}
