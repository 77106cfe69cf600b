//! Clients over their quotas are told to wait, and made to.

use std::time::{Duration, Instant};

use klamm_protocol::{
    ErrorCode,
    api::{
        alter_client_quotas::{
            AlterClientQuotasRequest, AlterClientQuotasRequestEntityData, AlterClientQuotasRequestEntryData,
            OpData,
        },
        create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic},
        create_topics::{CreatableTopic, CreateTopicsRequest},
        delete_topics::{DeleteTopicState, DeleteTopicsRequest},
        fetch::{FetchPartition, FetchRequest, FetchTopic},
        metadata::{MetadataRequest, MetadataRequestTopic},
    },
    records::CompressionType,
};

use crate::{
    batches::{large, produce},
    harness::{Client, TestNode, beside_others, fresh_dir},
};

/// Half a second for everything that is over.
const WINDOW: &[(&str, &str)] = &[("quota.window.num", "2"), ("quota.window.size.seconds", "1")];

/// Sets a quota of an entity such as `user=alice,client-id`, or removes it.
pub(crate) fn set(node: &TestNode, entity: &str, key: &str, value: Option<f64>) {
    let part = |part: &str| {
        let (kind, name) = part.split_once('=').map_or((part, None), |(kind, name)| (kind, Some(name)));
        AlterClientQuotasRequestEntityData {
            entity_type: kind.into(),
            entity_name: name.map(Into::into),
            ..Default::default()
        }
    };
    let op = OpData {
        key: key.into(),
        value: value.unwrap_or_default(),
        remove: value.is_none(),
        ..Default::default()
    };
    let entry = AlterClientQuotasRequestEntryData {
        entity: entity.split(',').map(part).collect(),
        ops: vec![op],
        ..Default::default()
    };
    let request = AlterClientQuotasRequest { entries: vec![entry], ..Default::default() };
    let response = node.connect().call(&request, 1);
    assert_eq!(response.entries[0].error_code, 0, "{response:?}");
}

/// How long the next request on this connection takes.
fn next_takes(client: &mut Client) -> Duration {
    let started = Instant::now();
    client.metadata(Some(&[]));
    started.elapsed()
}

#[test]
fn a_producer_waits_until_its_rate_is_what_it_may_be() {
    let _shared = beside_others();
    let node = TestNode::start("quota-produce", WINDOW);
    node.create_topic("topic", 1, &[]);
    let mut client = node.connect();
    let request = |acks| produce("topic", Some(large(60_000, CompressionType::None)), acks);
    assert_eq!(client.call(&request(-1), 12).throttle_time_ms, 0, "there is no quota");
    for (entity, other) in
        [("client-id=test", "client-id"), ("user", "client-id=test"), ("user,client-id", "user")]
    {
        // What is less specific does not hold.
        set(&node, other, "producer_byte_rate", Some(1.0));
        set(&node, entity, "producer_byte_rate", Some(40_000.0));
        let mut client = node.connect();
        let told = client.call(&request(-1), 12).throttle_time_ms;
        assert!((400..=1000).contains(&told), "{entity}: {told} ms");
        let took = next_takes(&mut client);
        assert!(
            took >= Duration::from_millis(u64::try_from(told).unwrap() - 50),
            "{entity}: {took:?} of {told} ms"
        );
        assert!(next_takes(&mut client) < Duration::from_millis(300), "{entity}: once");
        for key in [entity, other] {
            set(&node, key, "producer_byte_rate", None);
        }
        // The window passes before the next round.
        std::thread::sleep(Duration::from_secs(2));
    }
    set(&node, "client-id=test", "producer_byte_rate", Some(40_000.0));
    client.send_request(&request(0), 12);
    let took = next_takes(&mut client);
    assert!(took >= Duration::from_millis(350), "without acks nobody is told, but has to wait: {took:?}");
    set(&node, "client-id=test", "producer_byte_rate", None);
    assert_eq!(client.call(&request(-1), 12).throttle_time_ms, 0, "the quota is gone");
}

#[test]
fn a_consumer_over_its_rate_gets_nothing_now_and_all_of_it_later() {
    let _shared = beside_others();
    let node = TestNode::start("quota-fetch", WINDOW);
    node.create_topic("topic", 1, &[]);
    let mut client = node.connect();
    assert_eq!(
        client.call(&produce("topic", Some(large(60_000, CompressionType::None)), -1), 12).responses[0]
            .partition_responses[0]
            .error_code,
        0
    );
    set(&node, "client-id", "consumer_byte_rate", Some(70_000.0));
    let request = FetchRequest {
        max_wait_ms: 0,
        max_bytes: 1 << 20,
        topics: vec![FetchTopic {
            topic: "topic".into(),
            partitions: vec![FetchPartition { partition_max_bytes: 1 << 20, ..Default::default() }],
            ..Default::default()
        }],
        session_epoch: -1,
        ..Default::default()
    };
    let mut sizes = Vec::new();
    let started = Instant::now();
    while sizes.iter().filter(|size| **size > 0).count() < 3 {
        let response = client.call(&request, 12);
        let partitions = response.responses.iter().flat_map(|topic| &topic.partitions);
        let size: usize = partitions.filter_map(|partition| Some(partition.records.as_ref()?.len())).sum();
        assert_eq!(size == 0, response.throttle_time_ms > 0, "{response:?}");
        sizes.push(size);
    }
    assert!(sizes.contains(&0), "{sizes:?}");
    assert!(started.elapsed() >= Duration::from_millis(900), "{:?} for 180,000 bytes", started.elapsed());
}

#[test]
fn time_of_a_thread_is_limited_for_whatever_is_asked() {
    let _shared = beside_others();
    let node = TestNode::start("quota-time", WINDOW);
    let mut client = node.connect();
    set(&node, "user", "request_percentage", Some(0.000_1));
    let told = client.metadata(None).throttle_time_ms;
    assert!((1..=1000).contains(&told), "{told} ms");
    assert!(next_takes(&mut client) >= Duration::from_millis(u64::try_from(told).unwrap() - 50));
}

#[test]
fn an_address_makes_no_more_connections_in_a_second_than_it_may() {
    let _shared = beside_others();
    let node = TestNode::start("quota-connections", WINDOW);
    set(&node, "ip=127.0.0.1", "connection_creation_rate", Some(2.0));
    std::thread::sleep(Duration::from_secs(2));
    let mut answered = 0;
    let mut clients: Vec<Client> = (0..10).map(|_| node.connect()).collect();
    for client in &mut clients {
        client.send_request(&MetadataRequest::default(), 12);
        answered += usize::from(client.read_frame().is_some());
    }
    assert!((1..=4).contains(&answered), "{answered} of 10");
    std::thread::sleep(Duration::from_secs(2));
    node.connect().metadata(None);
}

#[test]
fn partitions_are_created_and_deleted_no_faster_than_they_may_be() {
    let _shared = beside_others();
    let settings = [("controller.quota.window.num", "2"), ("controller.quota.window.size.seconds", "1")];
    let node = TestNode::start("quota-mutations", &settings);
    set(&node, "client-id", "controller_mutation_rate", Some(2.0));
    let topic = |name: &str, num_partitions| CreatableTopic {
        name: name.into(),
        num_partitions,
        replication_factor: 1,
        ..Default::default()
    };
    let mut client = node.connect();
    let topics = vec![topic("not legal!", 3), topic("a", 3), topic("b", 3), topic("c", 3)];
    let request = CreateTopicsRequest { topics, timeout_ms: 10_000, ..Default::default() };
    let response = client.call(&request, 7);
    let code = |name: &str| {
        let found = response.topics.iter().find(|topic| topic.name.as_str() == name);
        ErrorCode::from_code(found.unwrap().error_code)
    };
    let over = ErrorCode::ThrottlingQuotaExceeded;
    assert_eq!([code("not legal!"), code("a")], [ErrorCode::InvalidTopicException, ErrorCode::None]);
    assert_eq!([code("b"), code("c")], [ErrorCode::None, over], "four are there, and b overdraws them");
    assert!((500..=2500).contains(&response.throttle_time_ms), "{response:?}");
    assert!(next_takes(&mut client) >= Duration::from_millis(500));
    set(&node, "client-id", "controller_mutation_rate", Some(1.0));
    std::thread::sleep(Duration::from_secs(3));
    let grow = |count| CreatePartitionsRequest {
        topics: vec![CreatePartitionsTopic {
            name: "a".into(),
            count,
            assignments: None,
            ..Default::default()
        }],
        timeout_ms: 10_000,
        ..Default::default()
    };
    let mut client = node.connect();
    assert_eq!(client.call(&grow(40), 2).results[0].error_code, 0, "an old client is never refused");
    let told = node.connect().call(&grow(41), 3);
    assert_eq!(ErrorCode::from_code(told.results[0].error_code), over);
    let delete = |name: &str| DeleteTopicsRequest {
        topics: vec![DeleteTopicState { name: Some(name.into()), ..Default::default() }],
        timeout_ms: 10_000,
        ..Default::default()
    };
    let told = node.connect().call(&delete("a"), 6);
    assert_eq!(ErrorCode::from_code(told.responses[0].error_code), over);
    set(&node, "client-id", "controller_mutation_rate", None);
    assert_eq!(node.connect().call(&delete("a"), 6).responses[0].error_code, 0);
}

#[test]
fn a_client_has_one_quota_of_mutations_whichever_brokers_it_asks() {
    let _shared = beside_others();
    let settings = [("controller.quota.window.num", "2"), ("controller.quota.window.size.seconds", "60")];
    let node = TestNode::start("quota-one-mutations", &settings);
    let broker = node.start_broker(fresh_dir("quota-one-mutations-2"), 2, &[]);
    set(&node, "client-id", "controller_mutation_rate", Some(0.05));
    let create = |node: &TestNode, name: &str| {
        let topic = CreatableTopic {
            name: name.into(),
            num_partitions: 7,
            replication_factor: 1,
            ..Default::default()
        };
        let request = CreateTopicsRequest { topics: vec![topic], timeout_ms: 10_000, ..Default::default() };
        let response = node.connect().call(&request, 7);
        (ErrorCode::from_code(response.topics[0].error_code), response.throttle_time_ms > 0)
    };
    assert_eq!(create(&node, "a"), (ErrorCode::None, false), "the bucket holds six, and lends one");
    assert_eq!(create(&broker, "b"), (ErrorCode::ThrottlingQuotaExceeded, true));
    assert_eq!(create(&node, "c"), (ErrorCode::ThrottlingQuotaExceeded, true));
    set(&node, "client-id", "controller_mutation_rate", None);
    assert_eq!(create(&broker, "b"), (ErrorCode::None, false));
}

#[test]
fn topics_that_nobody_has_made_count_for_the_client_that_asks_about_them() {
    let _shared = beside_others();
    let settings = [
        ("controller.quota.window.num", "2"),
        ("controller.quota.window.size.seconds", "60"),
        ("num.partitions", "7"),
    ];
    let node = TestNode::start("quota-auto-create", &settings);
    set(&node, "client-id", "controller_mutation_rate", Some(0.05));
    let is_created = |name: &str| {
        let topic = MetadataRequestTopic { name: Some(name.into()), ..Default::default() };
        let request = MetadataRequest {
            topics: Some(vec![topic]),
            allow_auto_topic_creation: true,
            ..Default::default()
        };
        node.connect().call(&request, 12);
        node.connect().metadata(Some(&[name])).topics[0].error_code == 0
    };
    assert!(is_created("a"), "the bucket holds six, and lends one");
    assert!(!is_created("b"));
    set(&node, "client-id", "controller_mutation_rate", None);
    assert!(is_created("b"));
}
