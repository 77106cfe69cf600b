use super::world::{World, topic};
use crate::*;
use klamm_metadata::features::MetadataVersion;
use klamm_protocol::api::create_partitions::{
    CreatePartitionsAssignment, CreatePartitionsRequest, CreatePartitionsTopic,
};
use klamm_protocol::api::create_topics::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use klamm_protocol::api::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use klamm_protocol::{ErrorCode, Uuid};
use std::collections::BTreeSet;

fn world() -> World {
    World::with_brokers(MetadataVersion::V4_3_IV0, 3)
}

fn config(name: &str, value: Option<&str>) -> Vec<CreatableTopicConfig> {
    vec![CreatableTopicConfig { name: name.into(), value: value.map(Into::into), ..Default::default() }]
}

fn assigned(replicas: &[(i32, &[i32])]) -> CreatableTopic {
    let assignments = replicas.iter().map(|(partition_index, broker_ids)| CreatableReplicaAssignment {
        partition_index: *partition_index,
        broker_ids: broker_ids.to_vec(),
        ..Default::default()
    });
    CreatableTopic { assignments: assignments.collect(), ..topic("new", -1, -1) }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn a_topic_that_cannot_be_is_refused_with_kafkas_words() {
    let mut world = world();
    world.create(&CreateTopicsRequest {
        topics: vec![topic("taken", 1, 1), topic("dotted.name", 1, 1)],
        ..Default::default()
    });
    world.register(9, 1, -1).expect("registers, fenced");
    let before = world.image.clone();
    let long = "x".repeat(250);
    let long_text =
        format!("Topic name is invalid: the length of '{long}' is longer than the max allowed length 249");
    for (topic, code, message) in [
        (topic("taken", 1, 1), ErrorCode::TopicAlreadyExists, "Topic 'taken' already exists."),
        (
            topic("", 1, 1),
            ErrorCode::InvalidTopicException,
            "Topic name is invalid: the empty string is not allowed",
        ),
        (topic(".", 1, 1), ErrorCode::InvalidTopicException, "Topic name is invalid: '.' is not allowed"),
        (topic(&long, 1, 1), ErrorCode::InvalidTopicException, &long_text),
        (
            topic("a b", 1, 1),
            ErrorCode::InvalidTopicException,
            "Topic name is invalid: 'a b' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'",
        ),
        (
            topic("dotted_name", 1, 1),
            ErrorCode::InvalidTopicException,
            "Topic 'dotted_name' collides with existing topic: dotted.name",
        ),
        (
            topic("__cluster_metadata", 1, 1),
            ErrorCode::InvalidRequest,
            "Creation of internal topic __cluster_metadata is prohibited.",
        ),
        (
            topic("new", 0, 1),
            ErrorCode::InvalidPartitions,
            "Number of partitions was set to an invalid non-positive value.",
        ),
        (
            topic("new", 1, 0),
            ErrorCode::InvalidReplicationFactor,
            "Replication factor must be larger than 0, or -1 to use the default value.",
        ),
        (
            topic("new", 1, 5),
            ErrorCode::InvalidReplicationFactor,
            "Unable to replicate the partition 5 time(s): The target replication factor of 5 cannot be reached because \
             only 4 broker(s) are registered or some brokers have all their log directories cordoned.",
        ),
        (
            CreatableTopic { configs: config("retention.ms", None), ..topic("new", 1, 1) },
            ErrorCode::InvalidConfig,
            "Null value not supported for topic configs: retention.ms",
        ),
        (
            assigned(&[(0, &[0, 0])]),
            ErrorCode::InvalidReplicaAssignment,
            "The manual partition assignment includes the broker 0 more than once.",
        ),
        (
            assigned(&[(0, &[7])]),
            ErrorCode::InvalidReplicaAssignment,
            "The manual partition assignment includes broker 7, but no such broker is registered.",
        ),
        (
            assigned(&[(0, &[])]),
            ErrorCode::InvalidReplicaAssignment,
            "The manual partition assignment includes an empty replica list.",
        ),
        (
            assigned(&[(0, &[9])]),
            ErrorCode::InvalidReplicaAssignment,
            "All brokers specified in the manual partition assignment for partition 0 are fenced or in controlled \
             shutdown.",
        ),
        (
            assigned(&[(0, &[0, 1]), (1, &[0])]),
            ErrorCode::InvalidReplicaAssignment,
            "The manual partition assignment includes a partition with 1 replica(s), but this is not consistent with \
             previous partitions, which have 2 replica(s).",
        ),
        (
            assigned(&[(0, &[0]), (2, &[0])]),
            ErrorCode::InvalidReplicaAssignment,
            "partitions should be a consecutive 0-based integer sequence",
        ),
        (
            topic("new", 10_001, 1),
            ErrorCode::PolicyViolation,
            "Excessively large number of partitions per request.",
        ),
    ] {
        let response = world.create(&CreateTopicsRequest { topics: vec![topic], ..Default::default() });
        let [result] = response.topics.as_slice() else { panic!("{response:?}") };
        let text = result.error_message.as_deref().unwrap_or_default();
        assert_eq!((ErrorCode::from_code(result.error_code), text), (code, message));
        assert_eq!(world.image, before);
    }
}

#[test]
fn each_topic_of_a_request_stands_alone() {
    let mut world = world();
    let response = world.create(&CreateTopicsRequest {
        topics: vec![topic("a", 2, 3), topic("b", 1, 9), topic("c", 1, 1), topic("c", 1, 1)],
        ..Default::default()
    });
    let results: Vec<_> = response
        .topics
        .iter()
        .map(|result| (result.name.as_str(), ErrorCode::from_code(result.error_code), result.num_partitions))
        .collect();
    assert_eq!(
        results,
        [
            ("a", ErrorCode::None, 2),
            ("b", ErrorCode::InvalidReplicationFactor, -1),
            ("c", ErrorCode::InvalidRequest, -1)
        ]
    );
    assert_eq!(response.topics[0].replication_factor, 3);
    let retention = response.topics[0]
        .configs
        .iter()
        .flatten()
        .find(|config| config.name == "retention.ms")
        .expect("all configs are told");
    assert_eq!((retention.value.as_deref(), retention.config_source), (Some("604800000"), 5));
    assert_eq!(world.image.topics.names().map(|name| name.as_str()).collect::<Vec<_>>(), ["a"]);
}

#[test]
fn validate_only_changes_nothing_but_answers_the_same() {
    let mut world = world();
    let before = world.image.clone();
    let request =
        CreateTopicsRequest { topics: vec![topic("a", -1, -1)], validate_only: true, ..Default::default() };
    let response = world.create(&request);
    assert_eq!((response.topics[0].error_code, response.topics[0].num_partitions), (0, 1));
    assert_eq!(world.image, before);
}

#[test]
fn what_may_not_be_seen_is_not_told() {
    let mut world = world();
    let access = Access { may_change: &|name| name != "b", may_describe: &|_| false };
    let request =
        CreateTopicsRequest { topics: vec![topic("a", 1, 1), topic("b", 1, 1)], ..Default::default() };
    let context =
        Context { image: &world.image, index: &world.index, config: &world.config, forwarded: true };
    let outcome = topics::create_topics(&context, &mut world.random, access, &request);
    let response = world.run(outcome);
    let denied = ErrorCode::TopicAuthorizationFailed.code();
    assert_eq!((response.topics[0].error_code, response.topics[0].topic_config_error_code), (0, denied));
    assert_eq!(response.topics[1].error_code, denied);
    let id = world.image.topics.by_name("a").expect("created").id;
    let by = |name: Option<&str>, topic_id| DeleteTopicState {
        name: name.map(Into::into),
        topic_id,
        ..Default::default()
    };
    let request = DeleteTopicsRequest {
        topics: vec![by(None, id), by(Some("a"), Uuid::ZERO), by(Some("nowhere"), Uuid::ZERO)],
        ..Default::default()
    };
    let hidden = Access { may_change: &|_| false, may_describe: &|_| false };
    let context =
        Context { image: &world.image, index: &world.index, config: &world.config, forwarded: true };
    let outcome = topics::delete_topics(&context, &mut world.random, hidden, &request, 6);
    assert!(outcome.records.is_empty());
    assert!(outcome.response.responses.iter().all(|result| result.error_code == denied));
    let by_id = outcome.response.responses.iter().find(|result| result.topic_id == id);
    assert_eq!(by_id.and_then(|result| result.name.clone()), None, "the name belongs to the topic");
}

#[test]
fn topics_are_deleted_by_name_and_by_id() {
    let mut world = world();
    for name in ["a", "b", "c"] {
        world.create(&CreateTopicsRequest { topics: vec![topic(name, 1, 1)], ..Default::default() });
    }
    let id = |world: &World, name: &str| world.image.topics.by_name(name).expect("created").id;
    let unknown = Uuid::from_u128(1 << 70);
    let by = |name: Option<&str>, topic_id| DeleteTopicState {
        name: name.map(Into::into),
        topic_id,
        ..Default::default()
    };
    let (b, c) = (id(&world, "b"), id(&world, "c"));
    let request = DeleteTopicsRequest {
        topics: vec![
            by(Some("a"), Uuid::ZERO),
            by(None, b),
            by(None, c),
            by(Some("c"), Uuid::ZERO),
            by(None, unknown),
            by(Some("x"), Uuid::ZERO),
            by(None, Uuid::ZERO),
            by(Some("a"), b),
        ],
        ..Default::default()
    };
    let context =
        Context { image: &world.image, index: &world.index, config: &world.config, forwarded: true };
    let outcome = topics::delete_topics(&context, &mut world.random, Access::ALL, &request, 6);
    let response = world.run(outcome);
    let results: BTreeSet<_> = response
        .responses
        .iter()
        .map(|result| (result.name.as_deref().unwrap_or("-").to_owned(), result.topic_id, result.error_code))
        .collect();
    let invalid = ErrorCode::InvalidRequest.code();
    let a = response
        .responses
        .iter()
        .find(|result| result.name.as_deref() == Some("a") && result.error_code == 0);
    let expect = BTreeSet::from([
        ("a".to_owned(), a.expect("deleted").topic_id, 0),
        ("b".to_owned(), b, 0),
        ("c".to_owned(), c, invalid),
        ("-".to_owned(), unknown, ErrorCode::UnknownTopicId.code()),
        ("x".to_owned(), Uuid::ZERO, ErrorCode::UnknownTopicOrPartition.code()),
        ("-".to_owned(), Uuid::ZERO, invalid),
        ("a".to_owned(), b, invalid),
    ]);
    assert_eq!(results, expect);
    assert_eq!(world.image.topics.names().map(|name| name.as_str()).collect::<Vec<_>>(), ["c"]);
}

#[test]
fn partitions_are_added_behind_the_ones_there_are() {
    let mut world = world();
    world.create(&CreateTopicsRequest { topics: vec![topic("t", 2, 2)], ..Default::default() });
    let add = |name: &str, count, assignments: Option<&[&[i32]]>| CreatePartitionsTopic {
        name: name.into(),
        count,
        assignments: assignments.map(|assignments| {
            assignments
                .iter()
                .map(|ids| CreatePartitionsAssignment { broker_ids: ids.to_vec(), ..Default::default() })
                .collect()
        }),
        ..Default::default()
    };
    for (request, code, message, count) in [
        (add("x", 3, None), ErrorCode::UnknownTopicOrPartition, "", 2),
        (add("t", 2, None), ErrorCode::InvalidPartitions, "Topic already has 2 partition(s).", 2),
        (
            add("t", 1, None),
            ErrorCode::InvalidPartitions,
            "The topic t currently has 2 partition(s); 1 would not be an increase.",
            2,
        ),
        (
            add("t", 4, Some(&[&[0, 1]])),
            ErrorCode::InvalidReplicaAssignment,
            "Attempted to add 2 additional partition(s), but only 1 assignment(s) were specified.",
            2,
        ),
        (add("t", 3, Some(&[&[2, 1]])), ErrorCode::None, "", 3),
        (add("t", 6, None), ErrorCode::None, "", 6),
    ] {
        let request = CreatePartitionsRequest { topics: vec![request], ..Default::default() };
        let context =
            Context { image: &world.image, index: &world.index, config: &world.config, forwarded: true };
        let outcome = partitions::create_partitions(&context, &mut world.random, Access::ALL, &request);
        let response = world.run(outcome);
        let [result] = response.results.as_slice() else { panic!("{response:?}") };
        let text = result.error_message.as_deref().unwrap_or_default();
        assert_eq!((ErrorCode::from_code(result.error_code), text), (code, message));
        assert_eq!(world.image.topics.by_name("t").expect("exists").partitions.size(), count);
    }
    assert_eq!(world.image.topics.partition("t", 2).expect("added").replicas, [2, 1]);
}

#[test]
fn replicas_are_spread_over_brokers_and_led_evenly() {
    let mut world = World::with_brokers(MetadataVersion::V4_3_IV0, 5);
    world.create(&CreateTopicsRequest { topics: vec![topic("t", 50, 3)], ..Default::default() });
    let mut led = [0; 5];
    let mut held = [0; 5];
    for partition in world.image.topics.by_name("t").expect("created").partitions.values() {
        let distinct: BTreeSet<_> = partition.replicas.iter().collect();
        assert_eq!(distinct.len(), 3);
        assert_eq!((partition.leader, &partition.isr), (partition.replicas[0], &partition.replicas));
        led[usize::try_from(partition.leader).expect("small")] += 1;
        for replica in &partition.replicas {
            held[usize::try_from(*replica).expect("small")] += 1;
        }
    }
    assert_eq!((led, held), ([10; 5], [30; 5]));
}

#[test]
fn a_broker_that_has_gone_in_order_is_still_placed_on() {
    let mut world = world();
    world.heartbeat(2, |request| request.want_shut_down = true).expect("known");
    let gone = world.image.cluster.brokers.get(&2).expect("registered").clone();
    assert!(gone.fenced && !gone.in_controlled_shutdown, "it led nothing");
    world.create_on("t", &[&[1, 0]]);
    world.heartbeat(1, |request| request.want_shut_down = true).expect("known");
    let two = CreateTopicsRequest { topics: vec![topic("two", 1, 3)], ..Default::default() };
    assert_eq!(world.create(&two).topics[0].error_code, ErrorCode::InvalidReplicationFactor.code());
    world.heartbeat(0, |_| {}).expect("known");
    world.heartbeat(1, |request| request.want_shut_down = true).expect("known");
    let gone = world.image.cluster.brokers.get(&1).expect("registered").clone();
    assert!(gone.fenced && gone.in_controlled_shutdown);
    assert_eq!(world.create(&two).topics[0].error_code, 0);
    let partition = world.image.topics.partition("two", 0).expect("created");
    assert_eq!((partition.replicas.len(), &partition.isr[..]), (3, &[0][..]));
}

#[test]
fn a_request_that_writes_too_much_is_refused_as_a_whole() {
    let mut world = world();
    let many = |count: usize| CreateTopicsRequest {
        topics: (0..count).map(|n| topic(&format!("t{n}"), 1, 1)).collect(),
        ..Default::default()
    };
    let log_end = world.log.len();
    let response = world.create(&many(RECORDS_PER_REQUEST_MAX / 2 + 1));
    assert!(response.topics.iter().all(|topic| topic.error_code == ErrorCode::PolicyViolation.code()));
    let message = response.topics[0].error_message.as_deref();
    assert_eq!(message, Some("Unable to perform excessively large batch operation."));
    assert_eq!(world.log.len(), log_end);
    let response = world.create(&many(RECORDS_PER_REQUEST_MAX / 2));
    assert!(response.topics.iter().all(|topic| topic.error_code == 0));
}

#[test]
fn a_topic_is_not_deleted_by_name_if_its_id_is_given_twice_or_deletion_is_off() {
    let by_id = |topic_id| DeleteTopicState { topic_id, ..Default::default() };
    let by_name = DeleteTopicState { name: Some("a".into()), ..Default::default() };
    let rows = [
        ("true", 6, ErrorCode::InvalidRequest),
        ("false", 6, ErrorCode::TopicDeletionDisabled),
        ("false", 2, ErrorCode::InvalidRequest),
    ];
    for (enabled, version, expected) in rows {
        let mut world = World::new(MetadataVersion::V4_3_IV0, &[("delete.topic.enable", enabled)]);
        world.register(0, 1, -1).expect("new");
        world.heartbeat(0, |_| {}).expect("known");
        world.create(&CreateTopicsRequest { topics: vec![topic("a", 1, 1)], ..Default::default() });
        let id = world.image.topics.by_name("a").expect("created").id;
        let topics = vec![by_id(id), by_id(id), by_name.clone()];
        let request = DeleteTopicsRequest { topics, ..Default::default() };
        let context =
            Context { image: &world.image, index: &world.index, config: &world.config, forwarded: true };
        let outcome = topics::delete_topics(&context, &mut world.random, Access::ALL, &request, version);
        assert_eq!(outcome.records, [], "{enabled}");
        let codes = outcome.response.responses.iter().map(|result| ErrorCode::from_code(result.error_code));
        assert!(codes.clone().count() >= 2 && codes.clone().all(|code| code == expected), "{enabled}");
    }
}
