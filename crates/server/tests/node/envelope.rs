//! Requests that Kafka's brokers pass on to a controller in envelopes.
#![expect(clippy::disallowed_methods, reason = "clients run beside the node")]

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use bytes::Bytes;
use klamm_protocol::{
    ApiKey, ErrorCode, Message, Reader,
    api::{
        create_topics::{CreatableTopic, CreateTopicsRequest, CreateTopicsResponse},
        envelope::{EnvelopeRequest, EnvelopeResponse},
        metadata::MetadataRequest,
    },
    header::ResponseHeader,
    principal::DefaultPrincipalData,
};

use crate::{
    harness::{Client, TestNode, beside_others, eventually, fresh_dir, request_frame},
    metrics::{free_port, get, value},
    quotas::set,
};

/// What the controller answers to a request of a client called `user`, passed on.
fn pass_on(node: &TestNode, user: &str, request: Bytes, address: &'static [u8]) -> EnvelopeResponse {
    let principal = DefaultPrincipalData::new("User", user).to_versioned_bytes().unwrap();
    send(node, Some(principal), request, address)
}

fn send(
    node: &TestNode,
    request_principal: Option<Bytes>,
    request: Bytes,
    address: &'static [u8],
) -> EnvelopeResponse {
    let envelope = EnvelopeRequest {
        request_data: request,
        request_principal,
        client_host_address: Bytes::from_static(address),
        ..Default::default()
    };
    Client::connect(node.controller_port).call(&envelope, 0)
}

/// A client's request as it comes to a broker, without its size.
fn frame(key: ApiKey, version: i16, body: &impl Message) -> Bytes {
    Bytes::from(request_frame(key, version, 77, body))
}

#[test]
fn a_request_in_an_envelope_is_answered_as_by_itself() {
    let _guard = beside_others();
    let port = free_port();
    let listener = format!("127.0.0.1:{port}");
    let node = TestNode::start("envelope", &[("klamm.metrics.listener", &listener)]);
    let topic = CreatableTopic {
        name: "passed-on".into(),
        num_partitions: 2,
        replication_factor: 1,
        ..Default::default()
    };
    let create = CreateTopicsRequest { topics: vec![topic], timeout_ms: 60_000, ..Default::default() };
    let create = frame(ApiKey::CreateTopics, 7, &create);
    let answer = pass_on(&node, "alice", create.clone(), &[127, 0, 0, 1]);
    assert_eq!(answer.error_code, 0);
    let mut reader = Reader::new(answer.response_data.unwrap());
    let header = ResponseHeader::decode(&mut reader, 1).unwrap();
    assert_eq!(header.correlation_id, 77);
    let created = CreateTopicsResponse::decode(&mut reader, 7).unwrap();
    assert_eq!(created.topics[0].error_code, 0, "{created:?}");
    assert_eq!(node.connect().metadata(Some(&["passed-on"])).topics[0].partitions.len(), 2);

    let metadata = frame(ApiKey::Metadata, 12, &MetadataRequest { topics: None, ..Default::default() });
    for (request, address, expect) in [
        (create.clone(), &[127, 0][..], ErrorCode::InvalidRequest),
        (metadata, &[127, 0, 0, 1], ErrorCode::InvalidRequest),
        (create.slice(..30), &[127, 0, 0, 1], ErrorCode::UnsupportedVersion),
        (Bytes::from_static(&[0]), &[127, 0, 0, 1], ErrorCode::UnsupportedVersion),
    ] {
        let answer = pass_on(&node, "alice", request, address);
        assert_eq!(ErrorCode::from_code(answer.error_code), expect);
        assert_eq!(answer.response_data, None);
    }
    for principal in [None, Some(&[][..]), Some(&[0, 1, 0, 0]), Some(&[0, 0, 5, b'U'])] {
        let answer = send(&node, principal.map(Bytes::from_static), create.clone(), &[127, 0, 0, 1]);
        assert_eq!(ErrorCode::from_code(answer.error_code), ErrorCode::PrincipalDeserializationFailure);
    }
    // As by Kafka, what is answered counts as if it had come by itself, and an envelope that comes back empty as such.
    let text = get(port, "/metrics").1;
    for (series, expected) in [
        ("requests_total{request=\"CreateTopics\",version=\"7\"}", 1.0),
        ("errors_total{request=\"CreateTopics\",error=\"NONE\"}", 1.0),
        ("requests_total{request=\"Envelope\",version=\"0\"}", 8.0),
        ("errors_total{request=\"Envelope\",error=\"INVALID_REQUEST\"}", 2.0),
        ("errors_total{request=\"Envelope\",error=\"UNSUPPORTED_VERSION\"}", 2.0),
        ("errors_total{request=\"Envelope\",error=\"PRINCIPAL_DESERIALIZATION_FAILURE\"}", 4.0),
    ] {
        assert_eq!(value(&text, &format!("kafka_network_requestmetrics_{series}")), expected, "{series}");
    }
}

#[test]
fn what_is_passed_on_counts_against_the_client_that_has_asked() {
    let _guard = beside_others();
    let settings = [("controller.quota.window.num", "2"), ("controller.quota.window.size.seconds", "60")];
    let node = TestNode::start("envelope-quota", &settings);
    set(&node, "user=alice", "controller_mutation_rate", Some(0.05));
    let create = |user: &str, name: &str| {
        let topic = CreatableTopic {
            name: name.into(),
            num_partitions: 7,
            replication_factor: 1,
            ..Default::default()
        };
        let request = CreateTopicsRequest { topics: vec![topic], timeout_ms: 60_000, ..Default::default() };
        let answer = pass_on(&node, user, frame(ApiKey::CreateTopics, 7, &request), &[127, 0, 0, 1]);
        let mut reader = Reader::new(answer.response_data.unwrap());
        ResponseHeader::decode(&mut reader, 1).unwrap();
        let created = CreateTopicsResponse::decode(&mut reader, 7).unwrap();
        ErrorCode::from_code(created.topics[0].error_code)
    };
    for (user, name, expect) in [
        ("alice", "a", ErrorCode::None),
        ("alice", "b", ErrorCode::ThrottlingQuotaExceeded),
        ("bob", "b", ErrorCode::None),
    ] {
        assert_eq!(create(user, name), expect, "{user} {name}");
    }
}

#[test]
fn what_is_asked_while_no_controller_answers_is_done_when_one_does() {
    let _guard = beside_others();
    let node = TestNode::start("envelope-retry", &[]);
    let broker = node.start_broker(fresh_dir("envelope-retry-2"), 2, &[("connections.max.idle.ms", "1000")]);
    let (ports, mut client) = ((node.port, node.controller_port), broker.connect());
    let dir = node.stop();
    let topic = |name: &str| CreatableTopic {
        name: name.into(),
        num_partitions: 1,
        replication_factor: 1,
        ..Default::default()
    };
    let create =
        |name| CreateTopicsRequest { topics: vec![topic(name)], timeout_ms: 60_000, ..Default::default() };
    client.send_request(&create("first"), 7);
    // Whoever waits is not idle.
    std::thread::sleep(Duration::from_millis(2500));
    let node = TestNode::start_again(dir, ports, &[]);
    let answer = client.read_response::<CreateTopicsRequest>(7);
    assert_eq!(answer.topics[0].error_code, 0, "{answer:?}");
    assert_eq!(client.call(&create("second"), 7).topics[0].error_code, 0);
    assert_eq!(node.connect().metadata(Some(&["first", "second"])).topics.len(), 2);
}

#[test]
fn what_a_controller_does_not_get_done_the_next_one_does() {
    let _guard = beside_others();
    let (node, controller, controller_again) = TestNode::start_pair("envelope-resigned");
    let mut client = node.connect();
    let topic = CreatableTopic {
        name: "orders".into(),
        num_partitions: 1,
        replication_factor: 1,
        ..Default::default()
    };
    let create = CreateTopicsRequest { topics: vec![topic], timeout_ms: 60_000, ..Default::default() };
    // From now on this node leads the quorum, for as long as it takes to see that nobody follows.
    controller.stop_keeping();
    client.send_request(&create, 7);
    std::thread::sleep(Duration::from_secs(2));
    let _controller = controller_again();
    let answer = client.read_response::<CreateTopicsRequest>(7);
    let code = ErrorCode::from_code(answer.topics[0].error_code);
    // The first may have got it into the log, where the next has found it.
    assert!(matches!(code, ErrorCode::None | ErrorCode::TopicAlreadyExists), "{answer:?}");
    eventually("the topic is there", || client.metadata(Some(&["orders"])).topics[0].error_code == 0);
}

#[test]
fn a_broker_that_stops_does_not_wait_for_what_it_has_passed_on() {
    let _guard = beside_others();
    for is_silent in [false, true] {
        let node = TestNode::start("envelope-stop", &[]);
        let broker = node.start_broker(fresh_dir("envelope-stop-2"), 2, &[]);
        let (port, mut client) = (node.controller_port, broker.connect());
        drop(node);
        // Connections are made to it, and nothing is answered.
        let _silent = is_silent.then(|| TcpListener::bind(("127.0.0.1", port)).unwrap());
        let topic = CreatableTopic {
            name: "t".into(),
            num_partitions: 1,
            replication_factor: 1,
            ..Default::default()
        };
        let create = CreateTopicsRequest { topics: vec![topic], timeout_ms: 60_000, ..Default::default() };
        client.send_request(&create, 7);
        std::thread::sleep(Duration::from_millis(300));
        let started = Instant::now();
        drop(broker);
        assert!(started.elapsed() < Duration::from_secs(20), "silent: {is_silent}, {:?}", started.elapsed());
        client.assert_closed("what nobody answers");
    }
}
