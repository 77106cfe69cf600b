//! Clients that do not read, that do nothing, that come in crowds.
#![expect(clippy::disallowed_methods, reason = "clients run beside the node")]

use std::{
    io::{ErrorKind, Write},
    time::{Duration, Instant},
};

use klamm_protocol::{
    ApiKey,
    api::{
        api_versions::ApiVersionsRequest,
        fetch::{FetchPartition, FetchRequest, FetchTopic},
        list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic},
        metadata::MetadataRequest,
    },
    records::CompressionType,
};

use crate::batches;
use crate::harness::{
    Client, PATIENCE, TestNode, alone, assert_one_line_about, beside_others, eventually, forget_peak, framed,
    free_port, log_lines, request_frame, resident,
};

#[test]
fn clients_that_never_read_cost_a_bounded_amount() {
    const CLIENTS: usize = 20;
    let _alone = alone();
    let node = TestNode::start("slow", &[]);
    // An answer of some 100 KiB each.
    node.create_topic("a-topic-with-many-partitions", 1500, &[]);
    node.assert_serves_others();
    let request = framed(&request_frame(
        ApiKey::Metadata,
        12,
        1,
        &MetadataRequest { topics: None, ..Default::default() },
    ));
    let (before, _) = resident();
    forget_peak();
    let requests = request.repeat(500);
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| node.connect()).collect();
    for client in &mut clients {
        client.stream.set_nonblocking(true).unwrap();
    }
    let until = Instant::now() + Duration::from_secs(10);
    while Instant::now() < until {
        for client in &mut clients {
            let _ = client.stream.write(&requests);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    node.assert_serves_others();
    let (_, peak) = resident();
    let grown = peak.saturating_sub(before);
    // At most a mebibyte of answers each and one more; without that bound it would be all 500.
    assert!(grown < (CLIENTS as u64 * 4) << 20, "{grown} bytes for {CLIENTS} clients that do not read");
    println!("{grown} bytes for {CLIENTS} clients that do not read");
    // Gone with their clients.
    drop(clients);
    node.assert_serves_others();
}

#[test]
fn no_request_is_read_while_the_memory_for_requests_is_used_up() {
    const MEMORY: usize = 1 << 20;
    let _shared = beside_others();
    let (memory, port) = (MEMORY.to_string(), crate::metrics::free_port());
    let node = TestNode::start(
        "request-memory",
        &[
            ("socket.request.max.bytes", &memory),
            ("queued.max.request.bytes", &memory),
            ("klamm.metrics.listener", &format!("127.0.0.1:{port}")),
        ],
    );
    node.create_topic("topic", 1, &[]);
    let metric = |name: &str| crate::metrics::value(&crate::metrics::get(port, "/metrics").1, name);
    let used = || metric("kafka_network_socketserver_memorypoolused");
    assert_eq!(used(), 0.0);
    // All the memory there is goes to a request that does not come.
    let mut slow = node.connect();
    slow.send(&i32::try_from(MEMORY).unwrap().to_be_bytes());
    eventually("the memory is used up", || used() == MEMORY as f64);
    let mut others: Vec<Client> = (0..20).map(|_| node.connect()).collect();
    let record = batches::batch(10_000, CompressionType::None);
    for (index, client) in others.iter_mut().enumerate() {
        match index % 4 {
            0 => client.send_request(&batches::produce("topic", Some(record.clone()), -1), 9),
            1 => client.send_request(&fetch_within(100), 12),
            _ => client.send_request(&MetadataRequest::default(), 12),
        }
        client.stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let error = client.stream.peek(&mut [0]).expect_err("nobody is answered");
        assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
        client.stream.set_read_timeout(Some(PATIENCE)).unwrap();
    }
    // Nobody keeps the others waiting once it is gone.
    drop(slow);
    for client in &mut others {
        client.read_frame().expect("an answer");
    }
    eventually("the memory is given back", || used() == 0.0);
    assert_eq!(metric("kafka_network_socketserver_memorypoolavailable"), MEMORY as f64);
    assert!(metric("kafka_server_socket_server_metrics_memorypooldepletedtime_total") >= 1000.0);
    let part = metric("kafka_server_socket_server_metrics_memorypoolavgdepletedpercent");
    assert!((0.01..=1.0).contains(&part), "{part}");
}

/// Asks for the first record of the topic, and waits so long for it.
pub(crate) fn fetch_within(max_wait_ms: i32) -> FetchRequest {
    FetchRequest {
        max_wait_ms,
        min_bytes: 1,
        max_bytes: 1 << 20,
        topics: vec![FetchTopic {
            topic: "topic".into(),
            partitions: vec![FetchPartition { partition_max_bytes: 1 << 20, ..Default::default() }],
            ..Default::default()
        }],
        ..Default::default()
    }
}

#[test]
fn a_client_that_has_said_all_still_gets_its_answers() {
    let _shared = beside_others();
    let node = TestNode::start("half-closed", &[]);
    node.create_topic("topic", 1, &[]);
    let mut client = node.connect();
    let fetch = fetch_within(300);
    client.send_request(&MetadataRequest::default(), 12);
    client.send_request(&fetch, 12);
    client.send_request(&MetadataRequest::default(), 12);
    client.stream.shutdown(std::net::Shutdown::Write).unwrap();
    for correlation_id in 1..=3 {
        let frame = client.read_frame().expect("an answer");
        assert_eq!(frame[..4], i32::to_be_bytes(correlation_id));
    }
    assert!(client.read_frame().is_none(), "the node closes its side too");
}

#[test]
fn offsets_are_no_older_than_the_records_that_came_before_them() {
    let _shared = beside_others();
    let node = TestNode::start("offsets-after-fetch", &[]);
    node.create_topic("topic", 1, &[]);
    let mut client = node.connect();
    let fetch = fetch_within(20_000);
    let latest = ListOffsetsRequest {
        replica_id: -1,
        topics: vec![ListOffsetsTopic {
            name: "topic".into(),
            partitions: vec![ListOffsetsPartition { timestamp: -1, ..Default::default() }],
            ..Default::default()
        }],
        ..Default::default()
    };
    client.send_request(&fetch, 12);
    client.send_request(&latest, 6);
    // Both are with the node when the record comes.
    std::thread::sleep(Duration::from_millis(300));
    let record = batches::batch(1, CompressionType::None);
    node.connect().call(&batches::produce("topic", Some(record), 1), 9);
    let fetched = client.read_frame().expect("the record");
    assert_eq!(fetched[..4], i32::to_be_bytes(1));
    let listed = client.read_response::<ListOffsetsRequest>(6);
    assert_eq!(listed.topics[0].partitions[0].offset, 1, "the fetch has seen the record already");
}

#[test]
fn an_address_gets_no_more_connections_than_it_may_have() {
    let _shared = beside_others();
    let node = TestNode::start("per-ip", &[("max.connections.per.ip", "5")]);
    let mut clients: Vec<Client> = (0..4).map(|_| node.connect()).collect();
    for client in &mut clients {
        client.metadata(None);
    }
    let mut last = node.connect();
    last.metadata(None);
    for _ in 0..3 {
        let mut refused = node.connect();
        let address = refused.address();
        refused.assert_closed("one too many");
        assert_one_line_about(address, "one too many");
    }
    drop(last);
    eventually("a place that was given back is given again", || {
        let mut client = node.connect();
        client.send_frame(&request_frame(ApiKey::Metadata, 12, 1, &MetadataRequest::default()));
        client.read_frame().is_some()
    });
    for client in &mut clients {
        client.metadata(None);
    }
}

#[test]
fn connections_beyond_the_brokers_limit_wait() {
    let _shared = beside_others();
    let node = TestNode::start("max-connections", &[("max.connections", "3")]);
    let mut clients: Vec<Client> = (0..3).map(|_| node.connect()).collect();
    for client in &mut clients {
        client.metadata(None);
    }
    let mut waiting = node.connect();
    waiting.send_request(&MetadataRequest::default(), 12);
    waiting.stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let mut byte = [0];
    assert!(waiting.stream.peek(&mut byte).is_err(), "there is no place for it");
    // The controllers' listener has places of its own.
    let versions = ApiVersionsRequest {
        client_software_name: "test".into(),
        client_software_version: "1".into(),
        ..Default::default()
    };
    let mut controllers: Vec<Client> = (0..3).map(|_| Client::connect(node.controller_port)).collect();
    for client in &mut controllers {
        client.call(&versions, 4);
    }
    drop(clients.pop());
    waiting.stream.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(waiting.read_response::<MetadataRequest>(12).brokers.len(), 1);
}

#[test]
fn a_connection_to_one_listener_takes_no_place_of_another() {
    let _shared = beside_others();
    let ports = [free_port(), free_port(), free_port(), free_port()];
    let listeners = ["PLAINTEXT", "EXTERNAL", "OTHER", "CONTROLLER"].iter().zip(ports);
    let listeners: Vec<_> = listeners.map(|(name, port)| format!("{name}://127.0.0.1:{port}")).collect();
    let node = TestNode::start(
        "listeners",
        &[
            ("max.connections", "2"),
            ("listeners", &listeners.join(",")),
            ("controller.quorum.voters", &format!("1@127.0.0.1:{}", ports[3])),
            (
                "listener.security.protocol.map",
                "PLAINTEXT:PLAINTEXT,EXTERNAL:PLAINTEXT,OTHER:PLAINTEXT,CONTROLLER:PLAINTEXT",
            ),
        ],
    );
    let mut clients = [Client::connect(ports[1]), Client::connect(ports[1])];
    clients.iter_mut().for_each(|client| drop(client.metadata(None)));
    let mut waiting = Client::connect(ports[2]);
    waiting.send_request(&MetadataRequest::default(), 12);
    waiting.stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    assert!(waiting.stream.peek(&mut [0]).is_err(), "there is no place for it");
    let [mut first, second] = clients;
    first.metadata(None);
    drop(second);
    waiting.stream.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(waiting.read_response::<MetadataRequest>(12).brokers.len(), 1);
    first.metadata(None);
    drop(node);
}

#[test]
fn idle_connections_are_closed_and_busy_ones_are_not() {
    let _shared = beside_others();
    let node = TestNode::start("idle", &[("connections.max.idle.ms", "3000")]);
    // One that asks for more than the sockets hold, and reads none of it.
    node.create_topic("many", 1000, &[]);
    let (mut idle, mut busy, mut within) = (node.connect(), node.connect(), node.connect());
    let mut deaf = node.connect();
    deaf.stream.set_nonblocking(true).unwrap();
    let request = MetadataRequest { topics: None, ..Default::default() };
    let request = framed(&request_frame(ApiKey::Metadata, 12, 1, &request));
    let _ = deaf.stream.write(&request.repeat(150));
    // Half a frame is no reason to wait for ever.
    within.send(&[0, 0, 1, 0, 1, 2, 3]);
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(5) {
        busy.metadata(Some(&[]));
        std::thread::sleep(Duration::from_millis(100));
    }
    // Its last word is not long ago, however long the others take to be let go.
    busy.metadata(None);
    idle.assert_closed("idle");
    within.assert_closed("idle within a frame");
    eventually("a client that does not read is let go", || {
        deaf.stream.write(&request).is_err_and(|error| error.kind() != ErrorKind::WouldBlock)
    });
    assert!(
        log_lines(&format!("peer={} ", idle.address())).is_empty(),
        "nothing to tell of an idle connection"
    );
}

#[test]
fn a_crowd_of_connections_costs_little() {
    const CROWD: usize = 2000;
    let _alone = alone();
    let node = TestNode::start("crowd", &[]);
    node.assert_serves_others();
    let (before, _) = resident();
    let mut crowd: Vec<Client> = (0..CROWD).map(|_| node.connect()).collect();
    for client in crowd.iter_mut().step_by(100) {
        client.metadata(None);
    }
    node.assert_serves_others();
    let (after, _) = resident();
    let each = after.saturating_sub(before) / CROWD as u64;
    println!("{each} bytes for each idle connection");
    assert!(each < 16 * 1024, "{each} bytes for each idle connection");
}

#[test]
fn fetches_of_clients_that_do_not_read_stay_on_the_disk() {
    const CLIENTS: usize = 40;
    const PARTITIONS: i32 = 200;
    let _alone = alone();
    let node = TestNode::start("deaf-fetch", &[]);
    node.create_topic("topic", PARTITIONS, &[]);
    let mut client = node.connect();
    let records = batches::large(30_000, CompressionType::None);
    for index in 0..PARTITIONS {
        let mut request = batches::produce("topic", Some(records.clone()), -1);
        request.topic_data[0].partition_data[0].index = index;
        assert_eq!(client.call(&request, 12).responses[0].partition_responses[0].error_code, 0);
    }
    let partition =
        |partition| FetchPartition { partition, partition_max_bytes: 1 << 20, ..Default::default() };
    let request = FetchRequest {
        max_bytes: 50 << 20,
        topics: vec![FetchTopic {
            topic: "topic".into(),
            partitions: (0..PARTITIONS).map(partition).collect(),
            ..Default::default()
        }],
        ..Default::default()
    };
    let frame = framed(&request_frame(ApiKey::Fetch, 12, 1, &request));
    let (before, _) = resident();
    forget_peak();
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| node.connect()).collect();
    for client in &mut clients {
        client.send(&frame);
    }
    node.assert_serves_others();
    std::thread::sleep(Duration::from_secs(1));
    let (_, peak) = resident();
    let each = peak.saturating_sub(before) / CLIENTS as u64;
    println!("{each} bytes for each of {CLIENTS} answers of 6 MB");
    assert!(each < 2 << 20, "{each} bytes for each answer of 6 MB");
    // They are all there once somebody reads.
    for mut client in clients {
        let frame = client.read_frame().expect("an answer");
        assert!(frame.len() > 6_000_000, "{}", frame.len());
    }
}
