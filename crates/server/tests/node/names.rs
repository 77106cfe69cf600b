//! Names and numbers that are not legal: the code that Kafka gives, from every API that takes one.

use klamm_protocol::{
    ErrorCode,
    api::{
        alter_configs::{AlterConfigsRequest, AlterConfigsResource, AlterableConfig},
        create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic},
        create_topics::{
            CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
        },
        find_coordinator::FindCoordinatorRequest,
        join_group::JoinGroupRequest,
    },
};

use crate::{
    batches::{batch, produce},
    harness::{TestNode, beside_others, eventually},
};

fn topic(name: &str) -> CreatableTopic {
    CreatableTopic { name: name.into(), num_partitions: 1, replication_factor: 1, ..Default::default() }
}

fn long(length: usize) -> String {
    "x".repeat(length)
}

#[test]
fn what_cannot_be_created_is_refused_with_kafkas_codes() {
    use ErrorCode as E;
    let _shared = beside_others();
    let node = TestNode::start("names", &[("auto.create.topics.enable", "true")]);
    node.create_topic("there.is_one", 1, &[]);
    let config = |name: &str, value: &str| CreatableTopic {
        configs: vec![CreatableTopicConfig {
            name: name.into(),
            value: Some(value.into()),
            ..Default::default()
        }],
        ..topic("configured")
    };
    let assigned = |partition_index, broker_ids: &[i32]| CreatableTopic {
        num_partitions: -1,
        replication_factor: -1,
        assignments: vec![CreatableReplicaAssignment {
            partition_index,
            broker_ids: broker_ids.to_vec(),
            ..Default::default()
        }],
        ..topic("assigned")
    };
    let cases = [
        ("empty", topic(""), E::InvalidTopicException),
        ("dot", topic("."), E::InvalidTopicException),
        ("dots", topic(".."), E::InvalidTopicException),
        ("slash", topic("../../etc/passwd"), E::InvalidTopicException),
        ("blank", topic("a b"), E::InvalidTopicException),
        ("zero", topic("a\0b"), E::InvalidTopicException),
        ("not ascii", topic("tänze"), E::InvalidTopicException),
        ("250 letters", topic(&long(250)), E::InvalidTopicException),
        ("249 letters", topic(&long(249)), E::None),
        ("a collision", topic("there_is.one"), E::InvalidTopicException),
        ("the metadata topic", topic("__cluster_metadata"), E::InvalidRequest),
        ("no partitions", CreatableTopic { num_partitions: 0, ..topic("n") }, E::InvalidPartitions),
        ("minus two", CreatableTopic { num_partitions: -2, ..topic("n") }, E::InvalidPartitions),
        ("two billion", CreatableTopic { num_partitions: i32::MAX, ..topic("n") }, E::PolicyViolation),
        ("no replicas", CreatableTopic { replication_factor: 0, ..topic("n") }, E::InvalidReplicationFactor),
        ("two replicas", CreatableTopic { replication_factor: 2, ..topic("n") }, E::InvalidReplicationFactor),
        (
            "32767 replicas",
            CreatableTopic { replication_factor: i16::MAX, ..topic("n") },
            E::InvalidReplicationFactor,
        ),
        ("an unknown broker", assigned(0, &[77]), E::InvalidReplicaAssignment),
        ("a negative broker", assigned(0, &[-1]), E::InvalidReplicaAssignment),
        ("a broker twice", assigned(0, &[1, 1]), E::InvalidReplicaAssignment),
        ("nobody", assigned(0, &[]), E::InvalidReplicaAssignment),
        ("a gap", assigned(1, &[1]), E::InvalidReplicaAssignment),
        ("a config that is none", config("no.such.config", "1"), E::InvalidConfig),
        ("a config out of range", config("segment.bytes", "0"), E::InvalidConfig),
        ("a number that is none", config("retention.ms", "soon"), E::InvalidConfig),
        ("a value that is none", config("cleanup.policy", "shred"), E::InvalidConfig),
    ];
    let mut client = node.connect();
    let mut wrong = Vec::new();
    for (what, topic, expected) in cases {
        let request = CreateTopicsRequest { topics: vec![topic], timeout_ms: 30_000, ..Default::default() };
        let found = ErrorCode::from_code(client.call(&request, 7).topics[0].error_code);
        if found != expected {
            wrong.push(format!("{what}: {} instead of {}", found.name(), expected.name()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn illegal_names_and_numbers_elsewhere() {
    use ErrorCode as E;
    let _shared = beside_others();
    let node = TestNode::start("names-elsewhere", &[("auto.create.topics.enable", "true")]);
    node.create_topic("topic", 1, &[]);
    let mut client = node.connect();
    let code = ErrorCode::from_code;

    for name in ["", "a/b", &long(250)] {
        let found = client.metadata(Some(&[name])).topics[0].error_code;
        assert_eq!(code(found), E::InvalidTopicException, "metadata of {name:?}");
        let records = Some(batch(1, klamm_protocol::records::CompressionType::None));
        let response = client.call(&produce(name, records, -1), 12);
        let found = response.responses[0].partition_responses[0].error_code;
        assert_eq!(code(found), E::UnknownTopicOrPartition, "produce to {name:?}");
    }

    for (count, expected) in [
        (0, E::InvalidPartitions),
        (1, E::InvalidPartitions),
        (-5, E::InvalidPartitions),
        (i32::MAX, E::PolicyViolation),
    ] {
        let topics = vec![CreatePartitionsTopic { name: "topic".into(), count, ..Default::default() }];
        let request = CreatePartitionsRequest { topics, timeout_ms: 30_000, ..Default::default() };
        let found = client.call(&request, 3).results[0].error_code;
        assert_eq!(code(found), expected, "{count} partitions");
    }

    let find = FindCoordinatorRequest { coordinator_keys: vec!["g".into()], ..Default::default() };
    eventually("the group's coordinator", || client.call(&find, 6).coordinators[0].error_code == 0);
    let join = JoinGroupRequest { session_timeout_ms: 10_000, ..Default::default() };
    assert_eq!(code(client.call(&join, 9).error_code), E::InvalidGroupId);
    let join = JoinGroupRequest { group_id: "g".into(), session_timeout_ms: -1, ..Default::default() };
    assert_eq!(code(client.call(&join, 9).error_code), E::InvalidSessionTimeout);
    let join = JoinGroupRequest { group_id: "g".into(), session_timeout_ms: 10_000, ..Default::default() };
    assert_eq!(code(client.call(&join, 9).error_code), E::InconsistentGroupProtocol);

    for (name, value) in [("segment.bytes", "-1"), ("no.such.key", "1"), ("cleanup.policy", "")] {
        let resource = AlterConfigsResource {
            resource_type: 2,
            resource_name: "topic".into(),
            configs: vec![AlterableConfig {
                name: name.into(),
                value: Some(value.into()),
                ..Default::default()
            }],
            ..Default::default()
        };
        let request = AlterConfigsRequest { resources: vec![resource], ..Default::default() };
        let found = client.call(&request, 2).responses[0].error_code;
        // An empty list has been legal for this one key since Kafka 4.2.
        let expected = if name == "cleanup.policy" { E::None } else { E::InvalidConfig };
        assert_eq!(code(found), expected, "{name}={value}");
    }
}
