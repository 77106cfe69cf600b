//! Members and producers that claim what is not so: partitions that do not exist, epochs that are not theirs, metadata
//! without end. Each gets Kafka's error code, and nothing has changed for the others.

use klamm_protocol::{
    ErrorCode, Records, Uuid,
    api::{
        add_offsets_to_txn::AddOffsetsToTxnRequest,
        add_partitions_to_txn::{AddPartitionsToTxnRequest, AddPartitionsToTxnTopic},
        consumer_group_describe::{ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse},
        consumer_group_heartbeat::{
            ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatRequestTopicPartitions,
            ConsumerGroupHeartbeatResponse,
        },
        end_txn::EndTxnRequest,
        find_coordinator::FindCoordinatorRequest,
        init_producer_id::{InitProducerIdRequest, InitProducerIdResponse},
        join_group::{JoinGroupRequest, JoinGroupRequestProtocol},
        list_groups::ListGroupsRequest,
        list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic},
        offset_commit::{OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic},
        offset_delete::{OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic},
        offset_fetch::{OffsetFetchRequest, OffsetFetchRequestGroup},
        produce::{PartitionProduceData, ProduceRequest, TopicProduceData},
        sync_group::{SyncGroupRequest, SyncGroupRequestAssignment},
        txn_offset_commit::{
            TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
        },
    },
    records::{BatchBuilder, BatchOptions},
};

use crate::harness::{Client, TestNode, beside_others, eventually};

const SETTINGS: &[(&str, &str)] = &[
    ("transaction.state.log.replication.factor", "1"),
    ("transaction.state.log.min.isr", "1"),
    ("transaction.state.log.num.partitions", "3"),
    ("group.consumer.assignment.interval.ms", "0"),
];
const TOPIC: &str = "there";
const NOTHING: &str = "nothing";

const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;

/// A node with one topic of one partition, and a client of it.
fn start(name: &str) -> (TestNode, Client) {
    let node = TestNode::start(name, SETTINGS);
    node.create_topic(TOPIC, 1, &[]);
    let client = node.connect();
    (node, client)
}

/// Waits until a group or transactional id has a coordinator that has loaded what it has.
fn find(client: &mut Client, key: &str, key_type: i8) {
    let find = FindCoordinatorRequest { key_type, coordinator_keys: vec![key.into()], ..Default::default() };
    eventually("a coordinator", || client.call(&find, 6).coordinators[0].error_code == 0);
    if key_type == GROUP {
        eventually("a coordinator that is ready", || fetched(client, key).is_some());
    }
}

/// The committed offsets of a group; `None` while they are being loaded.
fn fetched(client: &mut Client, group: &str) -> Option<Vec<(String, i32, i64)>> {
    let groups = vec![OffsetFetchRequestGroup { group_id: group.into(), topics: None, ..Default::default() }];
    let answer = client.call(&OffsetFetchRequest { groups, ..Default::default() }, 9);
    let group = &answer.groups[0];
    let topics = group.topics.iter().flat_map(|topic| {
        let partitions = topic.partitions.iter();
        partitions.map(|known| (topic.name.to_string(), known.partition_index, known.committed_offset))
    });
    (group.error_code == 0).then(|| topics.collect())
}

fn listed(client: &mut Client) -> Vec<String> {
    let groups = client.call(&ListGroupsRequest::default(), 5).groups;
    groups.iter().map(|group| group.group_id.to_string()).collect()
}

/// Says `there-0 NONE`, in ascending order.
fn told<'a>(results: impl Iterator<Item = (&'a str, i32, i16)>) -> Vec<String> {
    let line = |(topic, index, code): (&str, i32, i16)| {
        format!("{topic}-{index} {}", ErrorCode::from_code(code).name())
    };
    let mut lines: Vec<_> = results.map(line).collect();
    lines.sort();
    lines
}

/// Commits offset 7 of what is named, by a member or, without one, from outside of the group.
fn commit(
    client: &mut Client,
    version: i16,
    group: &str,
    (member, epoch): (&str, i32),
    what: &[(&str, Uuid, i32)],
) -> Vec<String> {
    let topics = what.iter().map(|(name, topic_id, index)| OffsetCommitRequestTopic {
        name: (*name).into(),
        topic_id: *topic_id,
        partitions: vec![OffsetCommitRequestPartition {
            partition_index: *index,
            committed_offset: 7,
            ..Default::default()
        }],
        ..Default::default()
    });
    let request = OffsetCommitRequest {
        group_id: group.into(),
        generation_id_or_member_epoch: epoch,
        member_id: member.into(),
        topics: topics.collect(),
        ..Default::default()
    };
    let answer = client.call(&request, version);
    let name_of = |name: &'_ str, id: Uuid| {
        let of_id = what.iter().find(|(_, known, _)| version >= 10 && *known == id);
        of_id.map_or(name.to_owned(), |(name, ..)| (*name).to_owned())
    };
    let topics: Vec<_> =
        answer.topics.iter().map(|topic| (name_of(&topic.name, topic.topic_id), topic)).collect();
    told(topics.iter().flat_map(|(name, topic)| {
        topic.partitions.iter().map(|one| (name.as_str(), one.partition_index, one.error_code))
    }))
}

#[test]
fn commits_of_what_does_not_exist_are_refused_one_by_one() {
    let _turn = beside_others();
    let (node, mut client) = start("claims-commits");
    let id = client.metadata(Some(&[TOPIC])).topics[0].topic_id;
    let unknown = Uuid::from_u128(7);
    for version in 2..=10 {
        let group = format!("committer-{version}");
        find(&mut client, &group, GROUP);
        // A group of which nothing can be committed does not come into being.
        let nothing = [(NOTHING, unknown, 0), (TOPIC, id, 1), (TOPIC, id, -1), (TOPIC, id, i32::MAX)];
        let mut expected = [
            format!(
                "{NOTHING}-0 {}",
                if version >= 10 { "UNKNOWN_TOPIC_ID" } else { "UNKNOWN_TOPIC_OR_PARTITION" }
            ),
            format!("{TOPIC}-1 UNKNOWN_TOPIC_OR_PARTITION"),
            format!("{TOPIC}--1 UNKNOWN_TOPIC_OR_PARTITION"),
            format!("{TOPIC}-{} UNKNOWN_TOPIC_OR_PARTITION", i32::MAX),
        ];
        expected.sort();
        assert_eq!(commit(&mut client, version, &group, ("", -1), &nothing), expected, "v{version}");
        assert!(!listed(&mut client).contains(&group), "v{version}");
        // What exists is committed, whatever comes with it.
        let some = [(TOPIC, id, 0), (NOTHING, unknown, 0)];
        let codes = commit(&mut client, version, &group, ("", -1), &some);
        assert_eq!(codes[1], format!("{TOPIC}-0 NONE"), "v{version}");
        assert_eq!(codes[0], expected[0], "v{version}");
        assert_eq!(fetched(&mut client, &group), Some(vec![(TOPIC.to_owned(), 0, 7)]), "v{version}");
    }
    let partition = |partition_index| OffsetDeleteRequestPartition { partition_index };
    let topic = |name: &str, partitions| OffsetDeleteRequestTopic { name: name.into(), partitions };
    let topics = vec![topic(TOPIC, vec![partition(4)]), topic(NOTHING, vec![partition(0)])];
    let answer = client.call(&OffsetDeleteRequest { group_id: "committer-9".into(), topics }, 0);
    let codes = told(answer.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|one| (topic.name.as_str(), one.partition_index, one.error_code))
    }));
    assert_eq!(codes, ["nothing-0 UNKNOWN_TOPIC_OR_PARTITION", "there-4 UNKNOWN_TOPIC_OR_PARTITION"]);
    assert_eq!(fetched(&mut client, "committer-9"), Some(vec![(TOPIC.to_owned(), 0, 7)]));
    node.assert_serves_others();
}

/// A heartbeat that says nothing new.
fn heartbeat(member: &str, epoch: i32) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        group_id: "honest".into(),
        member_id: member.into(),
        member_epoch: epoch,
        ..Default::default()
    }
}

fn joining(member: &str) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        rebalance_timeout_ms: 60_000,
        subscribed_topic_names: Some(vec![TOPIC.into()]),
        topic_partitions: Some(Vec::new()),
        ..heartbeat(member, 0)
    }
}

fn owning(topic_id: Uuid, partitions: &[i32]) -> Option<Vec<ConsumerGroupHeartbeatRequestTopicPartitions>> {
    let partitions = partitions.to_vec();
    Some(vec![ConsumerGroupHeartbeatRequestTopicPartitions { topic_id, partitions, ..Default::default() }])
}

fn code_of(answer: &ConsumerGroupHeartbeatResponse) -> ErrorCode {
    ErrorCode::from_code(answer.error_code)
}

fn described(client: &mut Client) -> ConsumerGroupDescribeResponse {
    client.call(&ConsumerGroupDescribeRequest { group_ids: vec!["honest".into()], ..Default::default() }, 1)
}

#[test]
fn members_of_a_consumer_group_that_lie_change_nothing() {
    let _turn = beside_others();
    let (node, mut client) = start("claims-members");
    let id = client.metadata(Some(&[TOPIC])).topics[0].topic_id;
    find(&mut client, "honest", GROUP);
    let answer = client.call(&joining("a"), 1);
    assert_eq!(code_of(&answer), ErrorCode::None);
    let epoch = answer.member_epoch;
    let assigned = answer.assignment.unwrap();
    assert_eq!(assigned.topic_partitions[0].partitions, [0]);
    let before = described(&mut client);

    // Far more names than a batch of `__consumer_offsets` has room for.
    let names = |count: usize| (0..count).map(|index| format!("{index:0>100}").as_str().into()).collect();
    let lies: Vec<(ConsumerGroupHeartbeatRequest, ErrorCode)> = vec![
        (heartbeat("a", epoch + 1), ErrorCode::FencedMemberEpoch),
        (heartbeat("a", i32::MAX), ErrorCode::FencedMemberEpoch),
        (heartbeat("a", -3), ErrorCode::InvalidRequest),
        (heartbeat("a", i32::MIN), ErrorCode::InvalidRequest),
        (heartbeat("b", epoch), ErrorCode::UnknownMemberId),
        (heartbeat("b", -1), ErrorCode::UnknownMemberId),
        (heartbeat("a", 0), ErrorCode::InvalidRequest),
        // The epoch before is let in with no more than the member has.
        (
            ConsumerGroupHeartbeatRequest {
                topic_partitions: owning(id, &[0, 1]),
                ..heartbeat("a", epoch - 1)
            },
            ErrorCode::FencedMemberEpoch,
        ),
        (
            ConsumerGroupHeartbeatRequest {
                topic_partitions: owning(Uuid::from_u128(7), &[0]),
                ..heartbeat("a", epoch - 1)
            },
            ErrorCode::FencedMemberEpoch,
        ),
        // What a member claims to have while it joins.
        (
            ConsumerGroupHeartbeatRequest { topic_partitions: owning(id, &[0]), ..joining("b") },
            ErrorCode::InvalidRequest,
        ),
        (
            ConsumerGroupHeartbeatRequest { subscribed_topic_names: Some(names(20_000)), ..joining("b") },
            ErrorCode::UnknownServerError,
        ),
        (
            ConsumerGroupHeartbeatRequest { server_assignor: Some("mine".into()), ..joining("b") },
            ErrorCode::UnsupportedAssignor,
        ),
    ];
    for (lie, expected) in lies {
        let answer = client.call(&lie, 1);
        assert_eq!(code_of(&answer), expected, "{:?} {:?}", lie.member_id, lie.member_epoch);
        assert_eq!(described(&mut client), before);
    }
    // Partitions that it cannot have are no news, in its own epoch.
    for owned in [owning(id, &[0, 1, -1]), owning(Uuid::from_u128(7), &[0]), owning(Uuid::ZERO, &[])] {
        let claim = ConsumerGroupHeartbeatRequest { topic_partitions: owned, ..heartbeat("a", epoch) };
        let answer = client.call(&claim, 1);
        assert_eq!((code_of(&answer), answer.member_epoch), (ErrorCode::None, epoch));
        assert_eq!(described(&mut client), before);
    }
    for (member, epoch, expected) in [
        ("a", epoch + 1, "STALE_MEMBER_EPOCH"),
        ("a", -1, "STALE_MEMBER_EPOCH"),
        ("b", epoch, "UNKNOWN_MEMBER_ID"),
        ("", -1, "UNKNOWN_MEMBER_ID"),
    ] {
        let codes = commit(&mut client, 9, "honest", (member, epoch), &[(TOPIC, id, 0)]);
        assert_eq!(codes, [format!("{TOPIC}-0 {expected}")], "{member} {epoch}");
    }
    assert_eq!(fetched(&mut client, "honest"), Some(Vec::new()));
    assert_eq!(code_of(&client.call(&heartbeat("a", epoch), 1)), ErrorCode::None);
    node.assert_serves_others();
}

fn join(client: &mut Client, group: &str, member: &str, metadata: &[u8]) -> (ErrorCode, String, i32) {
    let protocols = vec![JoinGroupRequestProtocol {
        name: "range".into(),
        metadata: metadata.to_vec().into(),
        ..Default::default()
    }];
    let request = JoinGroupRequest {
        group_id: group.into(),
        session_timeout_ms: 30_000,
        rebalance_timeout_ms: 30_000,
        member_id: member.into(),
        protocol_type: "consumer".into(),
        protocols,
        ..Default::default()
    };
    let answer = client.call(&request, 5);
    (ErrorCode::from_code(answer.error_code), answer.member_id.to_string(), answer.generation_id)
}

#[test]
fn what_members_of_a_classic_group_say_is_taken_for_what_it_is() {
    let _turn = beside_others();
    let (node, mut client) = start("claims-classic");
    // Bytes that are no subscription, and one that claims two billion topics.
    for (number, metadata) in
        [&b""[..], b"\xff", b"\x00\x03\x7f\xff\xff\xff", &[0xff; 64]].into_iter().enumerate()
    {
        let group = format!("classic-{number}");
        find(&mut client, &group, GROUP);
        let (code, member, _) = join(&mut client, &group, "", metadata);
        assert_eq!(code, ErrorCode::MemberIdRequired);
        let (code, _, generation) = join(&mut client, &group, &member, metadata);
        assert_eq!(code, ErrorCode::None, "{metadata:?}");
        let mut sync = |size: usize, member: &str, generation_id: i32| {
            let assignments = vec![SyncGroupRequestAssignment {
                member_id: member.into(),
                assignment: vec![7; size].into(),
                ..Default::default()
            }];
            let request = SyncGroupRequest {
                group_id: group.as_str().into(),
                generation_id,
                member_id: member.into(),
                assignments,
                ..Default::default()
            };
            ErrorCode::from_code(client.call(&request, 3).error_code)
        };
        assert_eq!(sync(1, "nobody", generation), ErrorCode::UnknownMemberId);
        assert_eq!(sync(1, &member, generation + 1), ErrorCode::IllegalGeneration);
        // More than a batch of `__consumer_offsets` has room for: the member rejoins.
        assert_eq!(sync(3 << 20, &member, generation), ErrorCode::UnknownServerError);
        assert_eq!(sync(1, &member, generation), ErrorCode::RebalanceInProgress);
        let (code, _, generation) = join(&mut client, &group, &member, metadata);
        assert_eq!(code, ErrorCode::None);
        let request = SyncGroupRequest {
            group_id: group.as_str().into(),
            generation_id: generation,
            member_id: member.as_str().into(),
            ..Default::default()
        };
        assert_eq!(client.call(&request, 3).error_code, 0);
    }
    node.assert_serves_others();
}

const ID: &str = "writer";

fn init(client: &mut Client, expected: Option<(i64, i16)>) -> InitProducerIdResponse {
    let (producer_id, producer_epoch) = expected.unwrap_or((-1, -1));
    let request = InitProducerIdRequest {
        transactional_id: Some(ID.into()),
        transaction_timeout_ms: 60_000,
        producer_id,
        producer_epoch,
        ..Default::default()
    };
    let mut answer = InitProducerIdResponse::default();
    eventually("a producer id", || {
        answer = client.call(&request, 5);
        let code = ErrorCode::from_code(answer.error_code);
        !matches!(code, ErrorCode::ConcurrentTransactions | ErrorCode::CoordinatorLoadInProgress)
    });
    answer
}

/// A producer as it calls itself.
struct Claimed {
    id: i64,
    epoch: i16,
}

impl Claimed {
    fn add_partitions(&self, client: &mut Client, version: i16) -> ErrorCode {
        let topics =
            vec![AddPartitionsToTxnTopic { name: TOPIC.into(), partitions: vec![0], ..Default::default() }];
        let request = AddPartitionsToTxnRequest {
            v3_and_below_transactional_id: ID.into(),
            v3_and_below_producer_id: self.id,
            v3_and_below_producer_epoch: self.epoch,
            v3_and_below_topics: topics,
            ..Default::default()
        };
        let answer = client.call(&request, version);
        let result = &answer.results_by_topic_v3_and_below[0].results_by_partition[0];
        ErrorCode::from_code(result.partition_error_code)
    }

    fn add_offsets(&self, client: &mut Client, version: i16) -> ErrorCode {
        let request = AddOffsetsToTxnRequest {
            transactional_id: ID.into(),
            producer_id: self.id,
            producer_epoch: self.epoch,
            group_id: "readers".into(),
            ..Default::default()
        };
        ErrorCode::from_code(client.call(&request, version).error_code)
    }

    fn end(&self, client: &mut Client, version: i16) -> ErrorCode {
        let request = EndTxnRequest {
            transactional_id: ID.into(),
            producer_id: self.id,
            producer_epoch: self.epoch,
            committed: true,
            ..Default::default()
        };
        ErrorCode::from_code(client.call(&request, version).error_code)
    }

    fn commit_offset(&self, client: &mut Client, version: i16, index: i32) -> ErrorCode {
        let partition = TxnOffsetCommitRequestPartition {
            partition_index: index,
            committed_offset: 7,
            ..Default::default()
        };
        let topic = TxnOffsetCommitRequestTopic {
            name: TOPIC.into(),
            partitions: vec![partition],
            ..Default::default()
        };
        let request = TxnOffsetCommitRequest {
            transactional_id: ID.into(),
            group_id: "readers".into(),
            producer_id: self.id,
            producer_epoch: self.epoch,
            topics: vec![topic],
            ..Default::default()
        };
        ErrorCode::from_code(client.call(&request, version).topics[0].partitions[0].error_code)
    }

    fn produce(&self, client: &mut Client, version: i16) -> ErrorCode {
        let options = BatchOptions {
            producer_id: self.id,
            producer_epoch: self.epoch,
            base_sequence: 0,
            transactional: true,
            ..Default::default()
        };
        let mut builder = BatchBuilder::new(options);
        builder.append(1, None, Some(b"late"), &[]).unwrap();
        let records = Some(Records::Bytes(builder.build().unwrap().freeze()));
        let partition_data = vec![PartitionProduceData { index: 0, records, ..Default::default() }];
        let request = ProduceRequest {
            transactional_id: Some(ID.into()),
            acks: -1,
            timeout_ms: 30_000,
            topic_data: vec![TopicProduceData { name: TOPIC.into(), partition_data, ..Default::default() }],
            ..Default::default()
        };
        let answer = client.call(&request, version);
        ErrorCode::from_code(answer.responses[0].partition_responses[0].error_code)
    }
}

fn end_offset(client: &mut Client) -> i64 {
    let partitions = vec![ListOffsetsPartition { timestamp: -1, ..Default::default() }];
    let topics = vec![ListOffsetsTopic { name: TOPIC.into(), partitions, ..Default::default() }];
    client.call(&ListOffsetsRequest { topics, ..Default::default() }, 6).topics[0].partitions[0].offset
}

#[test]
fn producers_that_are_not_who_they_say_change_nothing() {
    let _turn = beside_others();
    let (node, mut client) = start("claims-zombies");
    find(&mut client, ID, TRANSACTION);
    find(&mut client, "readers", GROUP);
    let first = init(&mut client, None);
    let second = init(&mut client, None);
    let id = second.producer_id;
    assert_eq!((first.producer_id, first.producer_epoch < second.producer_epoch), (id, true));
    let fenced = |version: i16, since: i16| match version >= since {
        true => ErrorCode::ProducerFenced,
        false => ErrorCode::InvalidProducerEpoch,
    };
    // A zombie, one from the future, and one with an id of its own invention.
    for (producer, is_other) in [
        (Claimed { id, epoch: first.producer_epoch }, false),
        (Claimed { id, epoch: second.producer_epoch + 9 }, false),
        (Claimed { id: id + 1000, epoch: second.producer_epoch }, true),
    ] {
        let or_other = |code| if is_other { ErrorCode::InvalidProducerIdMapping } else { code };
        let who = format!("{}:{}", producer.id, producer.epoch);
        for version in 0..=3 {
            let expected = or_other(fenced(version, 2));
            assert_eq!(producer.add_partitions(&mut client, version), expected, "{who} v{version}");
        }
        for version in 0..=4 {
            let expected = or_other(fenced(version, 2));
            assert_eq!(producer.add_offsets(&mut client, version), expected, "{who} v{version}");
        }
        for version in 0..=5 {
            let expected = or_other(fenced(version, 2));
            assert_eq!(producer.end(&mut client, version), expected, "{who} v{version}");
            let expected = or_other(ErrorCode::InvalidProducerEpoch);
            assert_eq!(producer.commit_offset(&mut client, version, 0), expected, "{who} v{version}");
        }
        for version in [3, 11, 12] {
            let expected = or_other(ErrorCode::InvalidProducerEpoch);
            assert_eq!(producer.produce(&mut client, version), expected, "{who} v{version}");
        }
        let refused = init(&mut client, Some((producer.id, producer.epoch)));
        assert_eq!(ErrorCode::from_code(refused.error_code), ErrorCode::ProducerFenced, "{who}");
    }
    assert_eq!(end_offset(&mut client), 0);
    assert_eq!(fetched(&mut client, "readers"), Some(Vec::new()));
    // A partition that does not exist.
    let real = Claimed { id, epoch: second.producer_epoch };
    assert_eq!(real.commit_offset(&mut client, 5, 9), ErrorCode::UnknownTopicOrPartition);
    // Who is who it says is served.
    assert_eq!(real.produce(&mut client, 12), ErrorCode::None);
    assert_eq!(real.commit_offset(&mut client, 5, 0), ErrorCode::None);
    assert_eq!(real.end(&mut client, 5), ErrorCode::None);
    eventually("what it has committed", || {
        fetched(&mut client, "readers") == Some(vec![(TOPIC.to_owned(), 0, 7)])
    });
    node.assert_serves_others();
}
