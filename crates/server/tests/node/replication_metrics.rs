//! What brokers tell by HTTP of what goes on between them.

use klamm_protocol::{ErrorCode, Uuid, records::CompressionType};

use crate::{
    batches::{batch, fetch, produce},
    configs::{BROKER, SET, alter},
    harness::{TestNode, beside_others, eventually, format, fresh_dir},
    metrics::{free_port, get, told, value},
    moving::{RATE, base_offset, move_to, places},
    replication::reassign,
    storage::meta,
};

const WAITING: &str =
    "kafka_server_delayedoperationpurgatory_numdelayedoperations{delayedoperation=\"Fetch\"}";
const WATCHED: &str = "kafka_server_delayedoperationpurgatory_purgatorysize{delayedoperation=\"Fetch\"}";

/// The sum of what a node tells of a family.
fn sum(text: &str, family: &str) -> f64 {
    let of_family = text.lines().filter(|line| line.starts_with(&format!("{family}{{")));
    of_family.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()).sum()
}

#[test]
fn both_brokers_tell_of_a_partition_that_gets_another_replica() {
    let _guard = beside_others();
    let ports = [free_port(), free_port()];
    let listeners = ports.map(|port| format!("127.0.0.1:{port}"));
    let one = TestNode::start("told-one", &[("klamm.metrics.listener", &*listeners[0])]);
    one.create_topic("told", 1, &[]);
    assert_eq!(base_offset(&mut one.connect(), "told"), 0);
    let two = one.start_broker(fresh_dir("told-two"), 2, &[("klamm.metrics.listener", &*listeners[1])]);
    assert_eq!(told(ports[1], "kafka_server_replicafetchermanager_minfetchrate{clientid=\"Replica\"}"), 0.0);
    reassign(&one, "told", &[1, 2]);
    const IN_SYNC: &str = "kafka_cluster_partition_insyncreplicascount{topic=\"told\",partition=\"0\"}";
    eventually("the other broker has it", || told(ports[0], IN_SYNC) == 2.0);
    eventually("its fetch waits", || told(ports[0], WAITING) == 1.0);
    eventually("a fetch has waited in vain", || {
        told(ports[0], "kafka_server_delayedfetchmetrics_expires_total{fetchertype=\"follower\"}") > 0.0
    });
    let [leader, follower] = ports.map(|port| get(port, "/metrics").1);
    let size = value(&leader, "kafka_log_log_size{topic=\"told\",partition=\"0\"}");
    for (text, series, expected) in [
        (&leader, "kafka_server_brokertopicmetrics_reassignmentbytesout_total", size),
        (&leader, "kafka_server_brokertopicmetrics_reassignmentbytesin_total", 0.0),
        (&follower, "kafka_server_brokertopicmetrics_reassignmentbytesin_total", size),
        (&leader, "kafka_server_delayedfetchmetrics_expires_total{fetchertype=\"consumer\"}", 0.0),
        (&leader, "kafka_server_fetchsessioncache_numincrementalfetchsessions", 1.0),
        (&leader, "kafka_server_fetchsessioncache_numincrementalfetchpartitionscached", 1.0),
        (&leader, "kafka_server_fetchsessioncache_incrementalfetchsessionevictions_total", 0.0),
        (&follower, "kafka_server_replicafetchermanager_failedpartitionscount{clientid=\"Replica\"}", 0.0),
        (&follower, "kafka_server_replicafetchermanager_deadthreadcount{clientid=\"Replica\"}", 0.0),
        (&follower, "kafka_server_replicafetchermanager_maxlag{clientid=\"Replica\"}", 0.0),
    ] {
        assert_eq!(value(text, series), expected, "{series}");
    }
    assert_eq!(sum(&follower, "kafka_server_fetcherstats_bytes_total"), size);
    assert!(sum(&follower, "kafka_server_fetcherstats_requests_total") >= 3.0);
    assert!(sum(&follower, "kafka_server_replicafetchermanager_minfetchrate") > 0.0);
    let port = format!("brokerhost=\"127.0.0.1\",brokerport=\"{}\"", one.port);
    assert!(follower.contains(&port), "{port} is not in\n{follower}");
    assert_eq!(sum(&leader, "kafka_server_fetcherstats_requests_total"), 0.0, "it follows nothing");

    // A producer that does not wait for the follower at all.
    let mut late = 0.0;
    eventually("a producer's time is over", || {
        let request = produce("told", Some(batch(1, CompressionType::None)), -1);
        let request = klamm_protocol::api::produce::ProduceRequest { timeout_ms: 0, ..request };
        let answer = one.connect().call(&request, 12);
        let code = ErrorCode::from_code(answer.responses[0].partition_responses[0].error_code);
        late += f64::from(u8::from(code == ErrorCode::RequestTimedOut));
        late > 0.0
    });
    assert_eq!(told(ports[0], "kafka_server_delayedproducemetrics_expires_total"), late);
    drop(two);
}

#[test]
fn consumers_that_wait_and_threads_that_do_not_work_are_told() {
    let _guard = beside_others();
    let port = free_port();
    let node = TestNode::start("told-waits", &[("klamm.metrics.listener", &format!("127.0.0.1:{port}"))]);
    node.create_topic("empty", 1, &[]);
    const EXPIRED: &str = "kafka_server_delayedfetchmetrics_expires_total{fetchertype=\"consumer\"}";
    assert_eq!((told(port, WAITING), told(port, WATCHED), told(port, EXPIRED)), (0.0, 0.0, 0.0));
    let mut client = node.connect();
    client.call(&fetch("empty", Uuid::ZERO, 20), 12);
    assert_eq!((told(port, WAITING), told(port, EXPIRED)), (0.0, 1.0));
    client.send_request(&fetch("empty", Uuid::ZERO, 30_000), 12);
    eventually("it waits", || (told(port, WAITING), told(port, WATCHED)) == (1.0, 1.0));
    assert_eq!(base_offset(&mut node.connect(), "empty"), 0);
    eventually("it waits no more", || (told(port, WAITING), told(port, WATCHED)) == (0.0, 0.0));
    assert_eq!(told(port, EXPIRED), 1.0);
    for idle in [
        "kafka_server_kafkarequesthandlerpool_requesthandleravgidle_percent",
        "kafka_network_socketserver_networkprocessoravgidle_percent",
    ] {
        assert!((0.01..1.0).contains(&told(port, idle)), "{idle}");
    }
}

#[test]
fn a_replica_that_moves_between_directories_tells_how_far_it_is() {
    let _guard = beside_others();
    let port = free_port();
    let one = TestNode::start("told-moves-one", &[]);
    let dir = fresh_dir("told-moves-two");
    let (first, second) = (dir.join("first"), dir.join("second"));
    std::fs::create_dir_all(&first).unwrap();
    format(&first, 2);
    meta(&second, 2, "abcdefghijklmnopqrstuA");
    let settings = [
        ("log.dirs", &*format!("{},{}", first.display(), second.display())),
        ("klamm.metrics.listener", &format!("127.0.0.1:{port}")),
    ];
    let two = one.start_broker(dir, 2, &settings);
    one.create_replicated_topic("moved", 1, 1, &[]);
    reassign(&one, "moved", &[2]);
    let mut client = two.connect();
    eventually("it is here", || places(&mut client, "moved").len() == 1);
    eventually("it leads", || told(port, "kafka_server_replicamanager_leadercount") >= 1.0);
    for offset in 0..3 {
        assert_eq!(base_offset(&mut client, "moved"), offset);
    }
    const LAG: &str = "kafka_server_replicaalterlogdirsmanager_maxlag{clientid=\"ReplicaAlterLogDirs\"}";
    const UNTOLD: &str = "kafka_server_assignmentsmanager_queuedreplicatodirassignments";
    eventually("the controller knows its directory", || told(port, UNTOLD) == 0.0);
    assert_eq!(told(port, LAG), 0.0);
    let to = if places(&mut client, "moved")[0].0 == "first" { &second } else { &first };
    let rate = |client: &mut _, rate| alter(client, BROKER, "2", &[(RATE, SET, Some(rate))]).0;
    assert_eq!(rate(&mut client, "1000"), ErrorCode::None);
    assert_eq!(move_to(&mut client, "moved", to), ErrorCode::None);
    eventually("the copy lacks records", || told(port, LAG) >= 1.0);
    assert_eq!(rate(&mut client, "9223372036854775807"), ErrorCode::None);
    eventually("it has moved", || {
        let name = to.file_name().unwrap().to_str().unwrap().to_owned();
        places(&mut client, "moved") == [(name, false)]
    });
    assert_eq!((told(port, LAG), told(port, UNTOLD)), (0.0, 0.0));

    // Back again, without a controller that could be told.
    let ports = (one.port, one.controller_port);
    let one_dir = one.stop();
    let to = if to == &first { &second } else { &first };
    assert_eq!(move_to(&mut client, "moved", to), ErrorCode::None);
    eventually("the controller has to be told", || told(port, UNTOLD) == 1.0);
    let _one = TestNode::start_again(one_dir, ports, &[]);
    eventually("the controller is told", || told(port, UNTOLD) == 0.0);
}
