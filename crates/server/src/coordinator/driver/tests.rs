use std::{cell::RefCell, rc::Rc};

use klamm_coordinator::{GroupSettings, Loader, NoCluster};
use klamm_io::{Entropy, disk::Disk};
use klamm_protocol::{
    Message, Writer,
    api::{
        consumer_group_heartbeat::ConsumerGroupHeartbeatRequest,
        join_group::{JoinGroupRequest, JoinGroupRequestProtocol},
        offset_commit::{OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic},
        offset_fetch::OffsetFetchRequestGroup,
    },
    records::RecordBatch,
};

use super::*;
use crate::coordinator::load;

/// A partition in memory.
#[derive(Default)]
struct Log {
    batches: Vec<Bytes>,
    end_offset: i64,
    high_watermark: i64,
    /// The high watermark stays behind until it is moved by hand.
    lags: bool,
    fails_with: Option<ErrorCode>,
    batch_bytes_max: Option<usize>,
}

#[derive(Clone, Default)]
struct FakePartition(Rc<RefCell<Log>>);

impl Partition for FakePartition {
    fn append(&self, batch: Bytes, _transactional: Transactional) -> Result<i64, ErrorCode> {
        let mut log = self.0.borrow_mut();
        if let Some(error) = log.fails_with {
            return Err(error);
        }
        if log.batch_bytes_max.is_some_and(|most| batch.len() > most) {
            return Err(ErrorCode::MessageTooLarge);
        }
        let base_offset = log.end_offset;
        let header = RecordBatch::new(&batch).unwrap();
        log.end_offset += i64::from(header.last_offset_delta) + 1;
        let mut bytes = bytes::BytesMut::from(&batch[..]);
        klamm_protocol::records::patch::assign_offsets(&mut bytes, base_offset, 0);
        log.batches.push(bytes.freeze());
        if !log.lags {
            log.high_watermark = log.end_offset;
        }
        Ok(base_offset)
    }

    fn high_watermark(&self) -> i64 {
        self.0.borrow().high_watermark
    }

    fn batch_bytes_max(&self) -> usize {
        self.0.borrow().batch_bytes_max.unwrap_or(1_000_000)
    }
}

impl GroupPartition for FakePartition {
    type Cluster = NoCluster;

    fn cluster(&self) -> NoCluster {
        NoCluster
    }

    fn count(&self, _: Cause, _: &[GroupRecord]) {}

    fn classic_group_rebalanced(&self) {}
}

fn start(partition: &FakePartition) -> Driver<FakePartition> {
    let world = World { clock: Clock::real(), entropy: Entropy::seeded(1), disk: Disk::real() };
    let bytes: Vec<u8> = partition.0.borrow().batches.iter().flatten().copied().collect();
    let mut loader = Loader::new(GroupSettings::default(), 0);
    let mut end_offset = 0;
    for batch in load::batches(bytes.into(), load::group_records).unwrap() {
        end_offset = batch.end_offset;
        loader.replay(&batch.records, end_offset, i64::MAX);
    }
    let started = loader.finish(world.clock.wall_ms(), &NoCluster);
    let commit_timeout = Duration::from_secs(5);
    let settings = DriverSettings { compression: CompressionType::Zstd, commit_timeout };
    Driver::begin(&world, settings, partition.clone(), started, end_offset)
}

fn ask(driver: &mut Driver<FakePartition>, request: Request) -> oneshot::Receiver<Reply> {
    let (reply, answer) = oneshot::channel();
    let (client_id, client_host) = (StrBytes::from("client"), StrBytes::from("/127.0.0.1"));
    driver.ask(Asked { api_version: 3, client_id, client_host, request, guard: None, reply });
    answer
}

fn commit(group: &str, offset: i64) -> Request {
    let partition = OffsetCommitRequestPartition { committed_offset: offset, ..Default::default() };
    let topic =
        OffsetCommitRequestTopic { name: "t".into(), partitions: vec![partition], ..Default::default() };
    Request::OffsetCommit(OffsetCommitRequest {
        group_id: group.into(),
        generation_id_or_member_epoch: -1,
        group_instance_id: None,
        topics: vec![topic],
        ..Default::default()
    })
}

fn join(group: &str) -> Request {
    Request::JoinGroup(JoinGroupRequest {
        group_id: group.into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 10_000,
        group_instance_id: None,
        protocol_type: "consumer".into(),
        protocols: vec![JoinGroupRequestProtocol { name: "range".into(), ..Default::default() }],
        ..Default::default()
    })
}

fn committed_offset(driver: &mut Driver<FakePartition>, group: &str) -> Vec<i64> {
    let group = OffsetFetchRequestGroup { group_id: group.into(), topics: None, ..Default::default() };
    match ask(driver, Request::OffsetFetch { group, require_stable: false }).try_recv().unwrap() {
        Reply::OffsetFetch(group) => group
            .topics
            .iter()
            .flat_map(|topic| &topic.partitions)
            .map(|partition| partition.committed_offset)
            .collect(),
        other => panic!("{other:?}"),
    }
}

fn commit_error(answer: &mut oneshot::Receiver<Reply>) -> Option<ErrorCode> {
    match answer.try_recv() {
        Ok(Reply::OffsetCommit(commit)) => {
            Some(ErrorCode::from_code(commit.topics[0].partitions[0].error_code))
        }
        Ok(other) => panic!("{other:?}"),
        Err(_) => None,
    }
}

#[test]
fn a_commit_is_answered_when_it_is_committed_and_not_seen_before() {
    let partition = FakePartition::default();
    let mut driver = start(&partition);
    partition.0.borrow_mut().lags = true;
    let mut answer = ask(&mut driver, commit("g", 5));
    driver.settle();
    assert_eq!(commit_error(&mut answer), None);
    assert!(committed_offset(&mut driver, "g").is_empty());
    partition.0.borrow_mut().high_watermark = 1;
    driver.settle();
    assert_eq!(commit_error(&mut answer), Some(ErrorCode::None));
    assert_eq!(committed_offset(&mut driver, "g"), [5]);
}

#[test]
fn what_is_not_committed_in_time_is_refused_and_may_still_happen() {
    let partition = FakePartition::default();
    let mut driver = start(&partition);
    partition.0.borrow_mut().lags = true;
    let mut answer = ask(&mut driver, commit("g", 5));
    drop(ask(&mut driver, join("h")));
    let late = driver.clock.now() + Duration::from_secs(6);
    driver.fire_timers(late);
    assert_eq!(commit_error(&mut answer), Some(ErrorCode::CoordinatorNotAvailable));
    partition.0.borrow_mut().high_watermark = 2;
    driver.settle();
    assert_eq!(committed_offset(&mut driver, "g"), [5]);
    driver.coordinator.check_invariants();
}

#[test]
fn what_cannot_be_written_is_refused_and_has_not_happened() {
    let cases = [
        (ErrorCode::NotEnoughReplicas, ErrorCode::CoordinatorNotAvailable),
        (ErrorCode::NotLeaderOrFollower, ErrorCode::NotCoordinator),
        (ErrorCode::KafkaStorageError, ErrorCode::NotCoordinator),
        (ErrorCode::MessageTooLarge, ErrorCode::UnknownServerError),
    ];
    for (cause, told) in cases {
        let partition = FakePartition::default();
        let mut driver = start(&partition);
        partition.0.borrow_mut().fails_with = Some(cause);
        assert_eq!(commit_error(&mut ask(&mut driver, commit("g", 5))), Some(told));
        assert!(committed_offset(&mut driver, "g").is_empty());
        let mut joined = ask(&mut driver, join("h"));
        let Ok(Reply::JoinGroup(joined)) = joined.try_recv() else { panic!("not answered") };
        assert_eq!(joined.error_code, told.code());
    }
}

#[test]
fn a_session_that_is_over_ends_even_if_that_cannot_be_written_at_first() {
    let partition = FakePartition::default();
    let mut driver = start(&partition);
    let heartbeat = |epoch, member: &str| {
        Request::ConsumerGroupHeartbeat(ConsumerGroupHeartbeatRequest {
            group_id: "g".into(),
            member_id: member.into(),
            member_epoch: epoch,
            rebalance_timeout_ms: 1000,
            subscribed_topic_names: Some(vec!["t".into()]),
            topic_partitions: Some(Vec::new()),
            ..Default::default()
        })
    };
    drop(ask(&mut driver, heartbeat(0, "a")));
    partition.0.borrow_mut().fails_with = Some(ErrorCode::NotEnoughReplicas);
    // Nor is a member gone that could not leave: its session goes on.
    drop(ask(&mut driver, heartbeat(-1, "a")));
    let start = driver.clock.now();
    driver.fire_timers(start + Duration::from_secs(46));
    assert_eq!(member_count(&mut driver), 1);
    partition.0.borrow_mut().fails_with = None;
    driver.fire_timers(start + Duration::from_secs(47));
    assert_eq!(member_count(&mut driver), 0);
}

#[test]
fn a_classic_member_that_was_not_answered_in_time_has_a_session_all_the_same() {
    let partition = FakePartition::default();
    let mut driver = start(&partition);
    let heartbeat = ConsumerGroupHeartbeatRequest {
        group_id: "g".into(),
        member_id: "a".into(),
        rebalance_timeout_ms: 1000,
        subscribed_topic_names: Some(vec!["t".into()]),
        topic_partitions: Some(Vec::new()),
        ..Default::default()
    };
    drop(ask(&mut driver, Request::ConsumerGroupHeartbeat(heartbeat)));
    let Request::JoinGroup(mut request) = join("g") else { panic!("it is one") };
    // A subscription to t, in version 0.
    request.protocols[0].metadata = Bytes::from_static(b"\0\0\0\0\0\x01\0\x01t\xff\xff\xff\xff");
    partition.0.borrow_mut().lags = true;
    let mut joined = ask(&mut driver, Request::JoinGroup(request));
    let late = driver.clock.now() + Duration::from_secs(6);
    driver.fire_timers(late);
    let Ok(Reply::JoinGroup(joined)) = joined.try_recv() else { panic!("not answered") };
    assert_eq!(joined.error_code, ErrorCode::CoordinatorNotAvailable.code());
    {
        let mut log = partition.0.borrow_mut();
        log.lags = false;
        log.high_watermark = log.end_offset;
    }
    driver.settle();
    assert_eq!(member_count(&mut driver), 2, "what was written has happened");
    // It does not come again.
    let gone = driver.clock.now() + Duration::from_secs(20);
    driver.fire_timers(gone);
    assert_eq!(member_count(&mut driver), 1);
}

fn member_count(driver: &mut Driver<FakePartition>) -> usize {
    let described = ask(driver, Request::ConsumerGroupDescribe { groups: vec!["g".into()] }).try_recv();
    match described.unwrap() {
        Reply::ConsumerGroupDescribe(groups) => groups[0].members.len(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_next_coordinator_finds_what_was_written() {
    let partition = FakePartition::default();
    let mut driver = start(&partition);
    for offset in 0..100 {
        assert_eq!(commit_error(&mut ask(&mut driver, commit("g", offset))), Some(ErrorCode::None));
    }
    let mut parked = ask(&mut driver, join("h"));
    assert!(parked.try_recv().is_err());
    driver.stop();
    let Ok(Reply::JoinGroup(refused)) = parked.try_recv() else { panic!("not answered") };
    assert_eq!(refused.error_code, ErrorCode::NotCoordinator.code());
    let mut driver = start(&partition);
    assert_eq!(committed_offset(&mut driver, "g"), [99]);
    assert_eq!(driver.coordinator.state(), driver.coordinator.committed_state());
}

#[test]
fn many_tombstones_are_written_in_batches_of_bounded_size() {
    for (batch_bytes_max, id_bytes, groups, batches) in
        [(None, 1000, 1000, 4), (Some(100_000), 1000, 1000, 11), (Some(1000), 1, 1000, 50)]
    {
        let partition = FakePartition::default();
        partition.0.borrow_mut().batch_bytes_max = batch_bytes_max;
        let mut driver = start(&partition);
        driver.compression = CompressionType::None;
        let group = |index| format!("{index:0>id_bytes$}");
        for index in 0..groups {
            ask(&mut driver, commit(&group(index), 1));
        }
        let before = partition.0.borrow().batches.len();
        driver.topics_deleted(&[("t".into(), Uuid::ZERO)]);
        assert_eq!(partition.0.borrow().batches.len() - before, batches, "{batch_bytes_max:?}");
        assert!(committed_offset(&mut driver, &group(7)).is_empty());
    }
}

#[test]
fn loading_takes_transactions_and_skips_what_it_does_not_know() {
    let mut transactional = write::batches(
        vec![GroupRecord::OffsetCommit {
            group: "g".into(),
            topic: "t".into(),
            partition: 0,
            value: Some(Box::default()),
        }],
        GroupRecord::encode,
        false,
        Writing {
            compression: CompressionType::None,
            transaction: Some((7, 0)),
            base_sequence: 0,
            now_ms: 1,
            batch_bytes_max: 1000,
        },
    )
    .unwrap();
    let mut bytes = transactional.remove(0).bytes.to_vec();
    let marker = klamm_protocol::control::EndTxnMarker::default();
    let mut value = Writer::new();
    value.i16(0);
    marker.encode(&mut value, 0).unwrap();
    for (control, key) in [(true, &b"\0\0\0\x01"[..]), (false, &b"\x7f\x7f"[..])] {
        let options = klamm_protocol::records::BatchOptions {
            base_offset: 1,
            producer_id: if control { 7 } else { -1 },
            producer_epoch: if control { 0 } else { -1 },
            transactional: control,
            control,
            ..Default::default()
        };
        let mut builder = klamm_protocol::records::BatchBuilder::new(options);
        builder.append(1, Some(key), Some(value.written()), &[]).unwrap();
        bytes.extend_from_slice(&builder.build().unwrap());
    }
    let kinds: Vec<String> = load::batches(bytes.clone().into(), load::group_records)
        .unwrap()
        .iter()
        .map(|batch| match batch.records.first() {
            None => "nothing".to_owned(),
            Some(klamm_coordinator::LogRecord::Data { transaction_of, .. }) => {
                format!("data {transaction_of:?}")
            }
            Some(klamm_coordinator::LogRecord::EndTransaction { producer_id, is_committed }) => {
                format!("end {producer_id} {is_committed}")
            }
        })
        .collect();
    assert_eq!(kinds, ["data Some(7)", "end 7 true", "nothing"]);
    // The last batch is cut: it is read again with what follows.
    bytes.truncate(bytes.len() - 1);
    assert_eq!(load::batches(bytes.into(), load::group_records).unwrap().len(), 2);
}
