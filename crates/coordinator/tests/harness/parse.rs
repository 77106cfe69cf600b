//! One line of a scenario: the command, its positional arguments, and `name=value` options.

use super::Harness;
use bytes::Bytes;
use klamm_coordinator::Request;
use klamm_protocol::api::consumer_group_heartbeat::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatRequestTopicPartitions,
};
use klamm_protocol::api::heartbeat::HeartbeatRequest;
use klamm_protocol::api::join_group::{JoinGroupRequest, JoinGroupRequestProtocol};
use klamm_protocol::api::leave_group::{LeaveGroupRequest, MemberIdentity};
use klamm_protocol::api::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use klamm_protocol::api::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use klamm_protocol::api::offset_fetch::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use klamm_protocol::api::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment};
use klamm_protocol::api::txn_offset_commit::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use klamm_protocol::consumer_protocol::{
    ConsumerProtocolAssignment, ConsumerProtocolAssignmentTopicPartition, ConsumerProtocolSubscription,
    ConsumerProtocolSubscriptionTopicPartition,
};
use klamm_protocol::{ErrorCode, Message, StrBytes, Uuid, Writer};
use std::collections::BTreeMap;

pub(crate) struct Line<'a> {
    pub(crate) positional: Vec<&'a str>,
    pub(crate) options: BTreeMap<&'a str, &'a str>,
}

impl<'a> Line<'a> {
    fn new(words: impl Iterator<Item = &'a str>) -> Self {
        let mut line = Self { positional: Vec::new(), options: BTreeMap::new() };
        for word in words {
            match word.split_once('=') {
                Some((name, value)) => drop(line.options.insert(name, value)),
                None => line.positional.push(word),
            }
        }
        line
    }

    pub(crate) fn text(&self, at: usize) -> StrBytes {
        member_id(self.positional.get(at).copied().unwrap_or("-"))
    }

    pub(crate) fn number<T: std::str::FromStr<Err: std::fmt::Debug>>(&self, at: usize) -> T {
        self.positional[at].parse().expect("a number")
    }

    pub(crate) fn option<T: std::str::FromStr<Err: std::fmt::Debug>>(&self, name: &str, default: T) -> T {
        self.options.get(name).map_or(default, |value| value.parse().expect(name))
    }

    pub(crate) fn instance(&self) -> Option<StrBytes> {
        self.options.get("instance").map(|id| StrBytes::from(*id))
    }
}

/// `-` is no id, and `a#12` the id that the coordinator made for the request 12; consumer groups make `uuid#12`.
fn member_id(text: &str) -> StrBytes {
    match text.split_once('#') {
        _ if text == "-" => StrBytes::default(),
        Some(("uuid", number)) => {
            let number: u128 = number.parse().expect("a number");
            StrBytes::from(Uuid::from_bytes(number.to_be_bytes()).to_string())
        }
        Some((prefix, number)) => {
            let number: u64 = number.parse().expect("a number");
            StrBytes::from(format!("{prefix}-00000000-0000-4000-8000-{number:012x}"))
        }
        None => StrBytes::from(text),
    }
}

pub(crate) fn topic_id(topic: &str) -> Uuid {
    let mut id = [0; 16];
    for (to, from) in id.iter_mut().zip(topic.bytes()) {
        *to = from;
    }
    Uuid::from_bytes(id)
}

/// Runs one command.
pub(crate) fn run(harness: &mut Harness, line: &str) {
    let mut words = line.split_whitespace();
    let command = words.next().expect("a command");
    let line = Line::new(words);
    match command {
        "advance" => harness.advance(line.number(0)),
        "hold" => harness.hold(),
        "release" => harness.commit(),
        "fail" => harness.fail_next_append(error_code(line.positional[0])),
        "reload" => harness.reload(),
        "end-txn" => harness.end_transaction(line.number(0), line.positional[1] == "commit"),
        "topic" => harness.topics.set(line.positional[0], line.number(1)),
        "drop-topic" => {
            harness.topics.remove(line.positional[0]);
            harness.delete_topic(line.positional[0]);
        }
        "delete-topic" => harness.delete_topic(line.positional[0]),
        _ => {
            let (request, newest) = request(command, &line);
            harness.request(line.option("v", newest), &request);
        }
    }
}

fn error_code(name: &str) -> ErrorCode {
    (0..150).map(ErrorCode::from_code).find(|code| code.name() == name).expect(name)
}

fn request(command: &str, line: &Line<'_>) -> (Request, i16) {
    match command {
        "join" => (Request::JoinGroup(join(line)), 9),
        "sync" => (Request::SyncGroup(sync(line)), 5),
        "heartbeat" => {
            let request = HeartbeatRequest {
                group_id: line.text(0),
                member_id: line.text(1),
                generation_id: line.number(2),
                group_instance_id: line.instance(),
                ..Default::default()
            };
            (Request::Heartbeat(request), 4)
        }
        "leave" => {
            let member = MemberIdentity {
                member_id: line.text(1),
                group_instance_id: line.instance(),
                reason: None,
                ..Default::default()
            };
            let request =
                LeaveGroupRequest { group_id: line.text(0), members: vec![member], ..Default::default() };
            (Request::LeaveGroup(request), 5)
        }
        "consume" => (Request::ConsumerGroupHeartbeat(consume(line)), 1),
        "stream" => (Request::StreamsGroupHeartbeat(Box::new(super::streams::heartbeat(line))), 0),
        "describe-streams" => (Request::StreamsGroupDescribe { groups: vec![line.text(0)] }, 0),
        "describe-consumers" => (Request::ConsumerGroupDescribe { groups: vec![line.text(0)] }, 1),
        "describe" => (Request::DescribeGroups { groups: vec![line.text(0)] }, 6),
        "list" => {
            let words =
                |name| line.options.get(name).map(|list| list.split(',').map(StrBytes::from).collect());
            let (states, types) = (words("states").unwrap_or_default(), words("types").unwrap_or_default());
            (Request::ListGroups { states, types }, 5)
        }
        "delete-group" => (Request::DeleteGroups { groups: vec![line.text(0)] }, 2),
        "commit" => (Request::OffsetCommit(commit(line)), 10),
        "txn-commit" => (Request::TxnOffsetCommit(txn_commit(line)), 5),
        "fetch" => (fetch(line), 10),
        "delete-offset" => {
            let partition = OffsetDeleteRequestPartition { partition_index: line.number(2) };
            let topic = OffsetDeleteRequestTopic { name: line.text(1), partitions: vec![partition] };
            let request = OffsetDeleteRequest { group_id: line.text(0), topics: vec![topic] };
            (Request::OffsetDelete(request), 0)
        }
        other => {
            let request =
                super::share::request(other, line).unwrap_or_else(|| panic!("unknown command {other}"));
            (Request::Share(request), 1)
        }
    }
}

fn join(line: &Line<'_>) -> JoinGroupRequest {
    let protocols = line.option("protocols", "range".to_owned());
    let topics = line.option("topics", "t".to_owned());
    let protocol = |name: &str| JoinGroupRequestProtocol {
        name: StrBytes::from(name),
        metadata: subscription(&topics, line.options.get("owned").copied().unwrap_or_default()),
        ..Default::default()
    };
    JoinGroupRequest {
        group_id: line.text(0),
        member_id: line.text(1),
        group_instance_id: line.instance(),
        session_timeout_ms: line.option("session", 10_000),
        rebalance_timeout_ms: line.option("rebalance", 60_000),
        protocol_type: StrBytes::from(line.option("type", "consumer".to_owned())),
        protocols: protocols.split(',').filter(|name| !name.is_empty()).map(protocol).collect(),
        ..Default::default()
    }
}

/// `consume GROUP MEMBER EPOCH t-0 t-1`: what follows the epoch is what the member says it has; a `-` is nothing.
fn consume(line: &Line<'_>) -> ConsumerGroupHeartbeatRequest {
    let mut owned: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    let words = line.positional.get(3..).unwrap_or_default();
    for (topic, index) in
        words.iter().filter_map(|word| word.rsplit_once('-')).filter(|(topic, _)| !topic.is_empty())
    {
        owned.entry(topic).or_default().push(index.parse().expect("a number"));
    }
    let owned = owned.into_iter().map(|(topic, partitions)| ConsumerGroupHeartbeatRequestTopicPartitions {
        topic_id: topic_id(topic),
        partitions,
        ..Default::default()
    });
    let names = line
        .options
        .get("topics")
        .map(|names| names.split(',').filter(|name| !name.is_empty()).map(StrBytes::from).collect());
    let text = |name| line.options.get(name).map(|text| StrBytes::from(*text));
    ConsumerGroupHeartbeatRequest {
        group_id: line.text(0),
        member_id: line.text(1),
        member_epoch: line.number(2),
        instance_id: line.instance(),
        rebalance_timeout_ms: line.option("rebalance", -1),
        subscribed_topic_names: names,
        subscribed_topic_regex: text("regex"),
        server_assignor: text("assignor"),
        topic_partitions: (!words.is_empty()).then(|| owned.collect()),
        ..Default::default()
    }
}

/// `owned` is what the member says it has: `t-0+t-1`.
fn subscription(topics: &str, owned: &str) -> Bytes {
    let owned = by_topic(owned).into_iter();
    let message = ConsumerProtocolSubscription {
        topics: topics.split(',').filter(|name| !name.is_empty()).map(StrBytes::from).collect(),
        owned_partitions: owned
            .map(|(topic, partitions)| ConsumerProtocolSubscriptionTopicPartition {
                topic: StrBytes::from(topic),
                partitions,
            })
            .collect(),
        ..Default::default()
    };
    embedded(&message)
}

/// Partitions are `t-0+t-1`; anything else stands for itself, as assignors of others have it.
fn assignment(text: &str) -> Bytes {
    if !text.contains('-') {
        return Bytes::copy_from_slice(text.as_bytes());
    }
    let topics = by_topic(text).into_iter();
    let assigned = topics.map(|(topic, partitions)| ConsumerProtocolAssignmentTopicPartition {
        topic: StrBytes::from(topic),
        partitions,
    });
    embedded(&ConsumerProtocolAssignment { assigned_partitions: assigned.collect(), ..Default::default() })
}

fn by_topic(text: &str) -> BTreeMap<&str, Vec<i32>> {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for (topic, index) in text.split('+').filter_map(|word| word.rsplit_once('-')) {
        topics.entry(topic).or_default().push(index.parse().expect("a number"));
    }
    topics
}

fn embedded(message: &impl Message) -> Bytes {
    let mut writer = Writer::new();
    writer.i16(1);
    message.encode(&mut writer, 1).expect("encodable");
    writer.into_bytes()
}

fn sync(line: &Line<'_>) -> SyncGroupRequest {
    let of_member = |word: &str| {
        let (member, assigned) = word.split_once(':').expect("member:assignment");
        SyncGroupRequestAssignment {
            member_id: member_id(member),
            assignment: assignment(assigned),
            ..Default::default()
        }
    };
    SyncGroupRequest {
        group_id: line.text(0),
        member_id: line.text(1),
        generation_id: line.number(2),
        group_instance_id: line.instance(),
        protocol_type: line.options.get("type").map(|name| StrBytes::from(*name)),
        protocol_name: line.options.get("protocol").map(|name| StrBytes::from(*name)),
        assignments: line.positional[3..].iter().copied().map(of_member).collect(),
        ..Default::default()
    }
}

fn commit(line: &Line<'_>) -> OffsetCommitRequest {
    let partition = OffsetCommitRequestPartition {
        partition_index: line.number(2),
        committed_offset: line.number(3),
        committed_metadata: line.options.get("metadata").map(|text| StrBytes::from(*text)),
        ..Default::default()
    };
    let topic = OffsetCommitRequestTopic {
        name: line.text(1),
        topic_id: topic_id(line.positional[1]),
        partitions: vec![partition],
        ..Default::default()
    };
    OffsetCommitRequest {
        group_id: line.text(0),
        member_id: line.options.get("member").map(|id| member_id(id)).unwrap_or_default(),
        generation_id_or_member_epoch: line.option("generation", -1),
        group_instance_id: line.instance(),
        retention_time_ms: line.option("retention", -1),
        topics: vec![topic],
        ..Default::default()
    }
}

fn txn_commit(line: &Line<'_>) -> TxnOffsetCommitRequest {
    let partition = TxnOffsetCommitRequestPartition {
        partition_index: line.number(2),
        committed_offset: line.number(3),
        committed_metadata: line.options.get("metadata").map(|text| StrBytes::from(*text)),
        ..Default::default()
    };
    let topic =
        TxnOffsetCommitRequestTopic { name: line.text(1), partitions: vec![partition], ..Default::default() };
    TxnOffsetCommitRequest {
        group_id: line.text(0),
        producer_id: line.option("producer", 7),
        member_id: line.options.get("member").map(|id| member_id(id)).unwrap_or_default(),
        generation_id: line.option("generation", -1),
        topics: vec![topic],
        ..Default::default()
    }
}

fn fetch(line: &Line<'_>) -> Request {
    let topics = (line.positional.len() > 1).then(|| {
        let partitions = line.positional[2..].iter().map(|index| index.parse().expect("a number")).collect();
        let id = line.option("id", line.positional[1].to_owned());
        vec![OffsetFetchRequestTopics {
            name: line.text(1),
            topic_id: topic_id(&id),
            partition_indexes: partitions,
            ..Default::default()
        }]
    });
    let group = OffsetFetchRequestGroup {
        group_id: line.text(0),
        member_id: line.options.get("member").map(|id| member_id(id)),
        member_epoch: line.option("epoch", -1),
        topics,
        ..Default::default()
    };
    Request::OffsetFetch { group, require_stable: line.option("stable", false) }
}
