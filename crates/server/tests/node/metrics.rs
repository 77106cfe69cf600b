//! What a node tells by HTTP of what it does.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
};

use klamm_metadata::features::MetadataVersion;
use klamm_protocol::{
    ErrorCode,
    api::{
        describe_cluster::DescribeClusterRequest,
        find_coordinator::FindCoordinatorRequest,
        list_groups::ListGroupsRequest,
        offset_commit::{OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic},
        update_features::{FeatureUpdateKey, UpdateFeaturesRequest},
    },
    records::CompressionType,
};

use crate::{
    batches::{batch, large, produce},
    configs::{BROKER, SET, alter},
    connections::fetch_within,
    harness::{Client, PATIENCE, TestNode, beside_others, eventually, format, fresh_dir, remove},
    quotas,
    storage::meta,
};

/// A port for a node's metrics.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub(crate) fn get(port: u16, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

pub(crate) fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find(|line| line.rsplit_once(' ').is_some_and(|(found, _)| found == series));
    line.unwrap_or_else(|| panic!("{series} is not in\n{text}")).rsplit_once(' ').unwrap().1.parse().unwrap()
}

/// Commits an offset without being a member of the group.
fn commit_offset(client: &mut Client, group: &str, topic: &str) {
    let request = OffsetCommitRequest {
        group_id: group.into(),
        topics: vec![OffsetCommitRequestTopic {
            name: topic.into(),
            partitions: vec![OffsetCommitRequestPartition { committed_offset: 3, ..Default::default() }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let find = FindCoordinatorRequest { key: group.into(), ..Default::default() };
    // Asking for the coordinator makes its topic.
    eventually("the group has a coordinator", || {
        client.call(&find, 2);
        let answer = client.call(&request, 7);
        answer.topics[0].partitions[0].error_code == 0
    });
}

/// What a node tells that has one topic with three records, one group with one offset, and no other nodes.
const TOLD: &[(&str, f64)] = &[
    ("kafka_server_brokertopicmetrics_messagesin_total", 4.0),
    ("kafka_server_brokertopicmetrics_messagesin_total{topic=\"measured\"}", 3.0),
    ("kafka_server_brokertopicmetrics_totalproducerequests_total{topic=\"measured\"}", 1.0),
    ("kafka_network_requestmetrics_errors_total{request=\"Produce\",error=\"NONE\"}", 1.0),
    ("kafka_log_log_logendoffset{topic=\"measured\",partition=\"0\"}", 3.0),
    ("kafka_cluster_partition_insyncreplicascount{topic=\"measured\",partition=\"1\"}", 1.0),
    ("kafka_server_replicamanager_leadercount", 6.0),
    ("kafka_server_replicamanager_underreplicatedpartitions", 0.0),
    ("kafka_controller_kafkacontroller_activecontrollercount", 1.0),
    ("kafka_controller_kafkacontroller_globalpartitioncount", 6.0),
    ("kafka_controller_kafkacontroller_activebrokercount", 1.0),
    ("kafka_server_raft_metrics_current_state{state=\"leader\"}", 1.0),
    ("kafka_server_raft_metrics_current_leader", 1.0),
    ("kafka_server_raft_metrics_number_of_observers", 0.0),
    ("kafka_server_kafkaserver_brokerstate", 3.0),
    ("kafka_server_metadataloader_currentcontrollerid", 1.0),
    ("kafka_server_metadataloader_handleloadsnapshotcount", 0.0),
    ("kafka_server_snapshotemitter_latestsnapshotgeneratedbytes", 0.0),
    ("kafka_log_logmanager_offlinelogdirectorycount", 0.0),
    ("kafka_controller_kafkacontroller_brokerregistrationstate{broker=\"1\"}", 30.0),
    ("kafka_controller_kafkacontroller_timedoutbrokerheartbeatcount", 0.0),
    ("kafka_controller_controllerstats_uncleanleaderelections_total", 0.0),
    ("kafka_server_replicafetchermanager_maxlag{clientid=\"Replica\"}", 0.0),
    ("kafka_log_logcleanermanager_max_dirty_percent", 0.0),
    ("kafka_log_logcleaner_max_compaction_delay_secs", 0.0),
    ("kafka_coordinator_group_groupmetadatamanager_numgroups", 1.0),
    ("kafka_coordinator_group_groupmetadatamanager_numoffsets", 1.0),
    ("kafka_server_group_coordinator_metrics_group_count{protocol=\"classic\"}", 1.0),
    ("kafka_server_group_coordinator_metrics_group_count{protocol=\"consumer\"}", 0.0),
    ("kafka_server_group_coordinator_metrics_consumer_group_count{state=\"stable\"}", 0.0),
    ("kafka_server_group_coordinator_metrics_num_partitions{state=\"active\"}", 4.0),
    ("kafka_server_group_coordinator_metrics_offset_commit_count", 1.0),
    ("kafka_server_group_coordinator_metrics_offset_expiration_count", 0.0),
    ("kafka_server_group_coordinator_metrics_consumer_group_rebalance_count", 0.0),
    ("kafka_server_share_coordinator_metrics_write_total", 0.0),
    ("kafka_server_transaction_coordinator_metrics_partition_load_time_max", 0.0),
    ("kafka_network_requestchannel_requestqueuesize", 0.0),
    ("kafka_server_forwardingmanager_queuelength", 0.0),
    ("kafka_server_forwardingmanager_remotetimems_p99", 0.0),
    ("kafka_server_raft_metrics_fetch_records_rate", 0.0),
    ("kafka_server_raft_metrics_election_latency_max", 0.0),
];

/// What depends on how fast it is.
const MORE_THAN_ZERO: &[&str] = &[
    "kafka_server_raft_metrics_append_records_rate",
    "kafka_server_raft_metrics_commit_latency_avg",
    "kafka_server_raft_metrics_commit_latency_max",
    "kafka_controller_controllereventmanager_eventqueuetimems{quantile=\"0.5\"}",
    "kafka_controller_controllereventmanager_eventqueueprocessingtimems{quantile=\"0.99\"}",
];

#[test]
fn what_a_node_does_can_be_read_by_http() {
    let _shared = beside_others();
    let port = free_port();
    let node = TestNode::start("metrics", &[("klamm.metrics.listener", &format!("127.0.0.1:{port}"))]);
    node.create_topic("measured", 2, &[]);
    let mut client = node.connect();
    let sent = batch(3, CompressionType::None);
    let answer = client.call(&produce("measured", Some(sent.clone()), -1), 9);
    assert_eq!(answer.responses[0].partition_responses[0].error_code, 0);
    commit_offset(&mut client, "readers", "measured");
    let (head, text) = get(port, "/metrics");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.contains("application/openmetrics-text"), "{head}");
    for (series, expected) in TOLD {
        assert_eq!(value(&text, series), *expected, "{series}");
    }
    assert!(value(&text, "kafka_server_brokertopicmetrics_bytesin_total") >= sent.len() as f64);
    assert!(
        value(&text, "kafka_network_requestmetrics_totaltimems{request=\"Produce\",quantile=\"0.99\"}") > 0.0
    );
    assert!(value(&text, "process_resident_memory_bytes") > 1e6);
    for more_than_zero in MORE_THAN_ZERO {
        assert!(value(&text, more_than_zero) > 0.0, "{more_than_zero}");
    }
    // A registration of the broker and one of the controller, a heartbeat, two topics.
    assert!(value(&text, "kafka_controller_kafkacontroller_eventqueueoperationsstartedcount") >= 5.0);
    for idle in [
        "kafka_server_raft_metrics_poll_idle_ratio_avg",
        "kafka_controller_controllereventmanager_avgidleratio",
    ] {
        assert!((0.1..1.0).contains(&value(&text, idle)), "{idle}");
    }
    assert_eq!(text.lines().last(), Some("# EOF"));
    // Whoever wants no answer has its connection closed, and what it would have been told is counted.
    client.send_request(&produce("missing", Some(sent), 0), 9);
    client.assert_closed("a failure with acks=0");
    let failed =
        "kafka_network_requestmetrics_errors_total{request=\"Produce\",error=\"UNKNOWN_TOPIC_OR_PARTITION\"}";
    assert_eq!(told(port, failed), 1.0);
    assert!(get(port, "/other").0.starts_with("HTTP/1.1 404"));
}

/// A number that a node tells now.
pub(crate) fn told(port: u16, series: &str) -> f64 {
    value(&get(port, "/metrics").1, series)
}

#[test]
fn cordoned_directories_and_configs_without_effect_are_told() {
    let _shared = beside_others();
    let port = free_port();
    let listener = format!("127.0.0.1:{port}");
    let dir = fresh_dir("metrics-directories");
    let (first, second) = (dir.join("first"), dir.join("second"));
    std::fs::create_dir_all(&first).unwrap();
    format(&first, 1);
    meta(&second, 1, "abcdefghijklmnopqrstuA");
    let (first, second) = (first.display().to_string(), second.display().to_string());
    let both = format!("{first},{second}");
    let settings = [("log.dirs", both.as_str()), ("klamm.metrics.listener", &listener)];
    let node = TestNode::start_in(dir, &settings);
    let of = |dir: &str| format!("kafka_log_logmanager_logdirectorycordoned{{logdirectory=\"{dir}\"}}");
    const CORDONED: &str = "kafka_log_logmanager_cordonedlogdirectorycount";
    const NO_EFFECT: &str = "kafka_server_broker_metadata_metrics_metadata_apply_error_count";
    assert_eq!((told(port, CORDONED), told(port, NO_EFFECT)), (0.0, 0.0));
    let keys = &[("cordoned.log.dirs", SET, Some(second.as_str()))];
    assert_eq!(alter(&mut node.connect(), BROKER, "1", keys).0, ErrorCode::None);
    eventually("the directory is cordoned", || told(port, CORDONED) == 1.0);
    assert_eq!((told(port, &of(&first)), told(port, &of(&second))), (0.0, 1.0));
    assert_eq!(told(port, NO_EFFECT), 0.0);

    // Without the directory, what was altered contradicts the properties file.
    let dir = node.stop();
    let port = free_port();
    let listener = format!("127.0.0.1:{port}");
    let settings = [("log.dirs", first.as_str()), ("klamm.metrics.listener", &listener)];
    let _node = TestNode::start_in(dir, &settings);
    assert!(told(port, NO_EFFECT) >= 1.0);
    assert!(told(port, "kafka_controller_kafkacontroller_metadataerrorcount") >= 1.0);
    assert_eq!(told(port, CORDONED), 0.0);
}

#[test]
fn features_of_node_and_cluster_are_told() {
    let _shared = beside_others();
    let port = free_port();
    let node =
        TestNode::start("metrics-features", &[("klamm.metrics.listener", &format!("127.0.0.1:{port}"))]);
    const IGNORED: [&str; 2] = [
        "kafka_controller_kafkacontroller_ignoredstaticvoters",
        "kafka_server_broker_metadata_metrics_ignored_static_voters",
    ];
    const KRAFT_VERSION: &str = "kafka_server_metadataloader_finalizedlevel{featurename=\"kraftVersion\"}";
    let text = get(port, "/metrics").1;
    let version = f64::from(MetadataVersion::LATEST_PRODUCTION.level());
    for (series, expected) in [
        ("kafka_server_metadataloader_finalizedlevel{featurename=\"metadataVersion\"}", version),
        ("kafka_server_metadataloader_finalizedlevel{featurename=\"groupVersion\"}", 1.0),
        ("kafka_server_node_metrics_maximum_supported_level{feature_name=\"metadata-version\"}", version),
        ("kafka_server_node_metrics_minimum_supported_level{feature_name=\"metadata-version\"}", 7.0),
        ("kafka_server_node_metrics_maximum_supported_level{feature_name=\"transaction-version\"}", 2.0),
        (KRAFT_VERSION, 0.0),
        (IGNORED[0], 0.0),
        (IGNORED[1], 0.0),
    ] {
        assert_eq!(value(&text, series), expected, "{series}");
    }
    // The quorum gets voters of its own.
    let update = FeatureUpdateKey {
        feature: "kraft.version".into(),
        max_version_level: 1,
        upgrade_type: 1,
        ..Default::default()
    };
    let request =
        UpdateFeaturesRequest { feature_updates: vec![update], timeout_ms: 60_000, ..Default::default() };
    let answer = node.connect().call(&request, 1);
    assert_eq!(answer.error_code, 0, "{answer:?}");
    eventually("the quorum has voters of its own", || told(port, KRAFT_VERSION) == 1.0);
    assert_eq!(IGNORED.map(|series| told(port, series)), [1.0, 1.0]);
}

#[test]
fn snapshots_that_are_written_and_loaded_are_told() {
    let _shared = beside_others();
    let begin = |dir: std::path::PathBuf| {
        let port = free_port();
        let listener = format!("127.0.0.1:{port}");
        let between = "metadata.log.max.record.bytes.between.snapshots";
        (port, TestNode::start_in(dir, &[(between, "2000"), ("klamm.metrics.listener", &listener)]))
    };
    let dir = fresh_dir("metrics-snapshots");
    format(&dir, 1);
    const LOADED: &str = "kafka_server_metadataloader_handleloadsnapshotcount";
    const WRITTEN: &str = "kafka_server_snapshotemitter_latestsnapshotgeneratedbytes";
    let (port, node) = begin(dir);
    for topic in 0..15 {
        node.create_topic(&format!("topic-{topic}"), 3, &[("retention.ms", "86400000")]);
    }
    eventually("a snapshot", || told(port, WRITTEN) > 1000.0);
    assert!(told(port, "kafka_server_snapshotemitter_latestsnapshotgeneratedagems") < 60_000.0);
    assert_eq!(told(port, LOADED), 0.0);
    let (port, _node) = begin(node.stop());
    assert_eq!(told(port, LOADED), 1.0);
}

#[test]
fn a_broker_that_waits_to_be_let_go_says_so() {
    let _shared = beside_others();
    let port = free_port();
    let listener = format!("127.0.0.1:{port}");
    let settings = [
        ("klamm.metrics.listener", listener.as_str()),
        ("controller.quorum.fetch.timeout.ms", "3000"),
        ("controller.quorum.election.timeout.ms", "100"),
    ];
    const STATE: &str = "kafka_server_kafkaserver_brokerstate";
    let one = TestNode::start("metrics-parting", &[]);
    let two = one.start_broker(fresh_dir("metrics-parting-two"), 2, &settings);
    assert_eq!(told(port, STATE), 3.0);
    one.stop();
    let stopping = std::thread::spawn(move || two.stop());
    eventually("the broker asks to be let go", || told(port, STATE) == 6.0);
    remove(&stopping.join().unwrap());
}

#[test]
fn a_broker_tells_how_long_the_controller_takes() {
    let _shared = beside_others();
    let port = free_port();
    let one = TestNode::start("metrics-forwarding", &[]);
    let settings = [("klamm.metrics.listener", &*format!("127.0.0.1:{port}"))];
    let two = one.start_broker(fresh_dir("metrics-forwarding-two"), 2, &settings);
    const ANSWERED: &str = "kafka_server_forwardingmanager_remotetimems_p99";
    assert_eq!(told(port, ANSWERED), 0.0);
    two.create_topic("forwarded", 1, &[]);
    let text = get(port, "/metrics").1;
    for more_than_zero in [
        ANSWERED,
        "kafka_server_forwardingmanager_remotetimems_p999",
        "kafka_server_forwardingmanager_queuetimems_p99",
        "kafka_server_raft_metrics_fetch_records_rate",
    ] {
        assert!(value(&text, more_than_zero) > 0.0, "{more_than_zero}");
    }
    assert_eq!(value(&text, "kafka_server_raft_metrics_append_records_rate"), 0.0);
    assert!(!text.contains("kafka_controller_"), "it is no controller");
}

#[test]
fn requests_are_in_the_queue_since_they_were_read() {
    let _shared = beside_others();
    let port = free_port();
    let listener = format!("127.0.0.1:{port}");
    let settings = [
        ("klamm.metrics.listener", listener.as_str()),
        ("quota.window.num", "2"),
        ("quota.window.size.seconds", "1"),
    ];
    let node = TestNode::start("metrics-queue", &settings);
    node.create_topic("topic", 1, &[]);
    let milliseconds = |part: &str, request: &str| {
        told(port, &format!("kafka_network_requestmetrics_{part}{{request=\"{request}\",quantile=\"0.99\"}}"))
    };
    // More than a connection may have unanswered, then one that is read with them and has to wait.
    let mut client = node.connect();
    client.send_request(&fetch_within(1000), 12);
    for _ in 1..70 {
        client.send_request(&fetch_within(0), 12);
    }
    client.send_request(&DescribeClusterRequest::default(), 1);
    for _ in 0..70 {
        client.read_frame().expect("an answer");
    }
    assert_eq!(client.read_response::<DescribeClusterRequest>(1).error_code, 0);
    let queued = milliseconds("requestqueuetimems", "DescribeCluster");
    assert!(queued > 700.0, "{queued} ms behind a fetch of 1000 ms");
    assert!(milliseconds("totaltimems", "DescribeCluster") >= queued);
    // A client over its quota is not read from, so that its request is not in the queue.
    quotas::set(&node, "client-id=test", "producer_byte_rate", Some(40_000.0));
    let throttled = client.call(&produce("topic", Some(large(60_000, CompressionType::None)), -1), 12);
    assert!(throttled.throttle_time_ms >= 400, "{} ms", throttled.throttle_time_ms);
    client.call(&ListGroupsRequest::default(), 4);
    let queued = milliseconds("totaltimems", "ListGroups");
    assert!(queued < 300.0, "{queued} ms after a pause of {} ms", throttled.throttle_time_ms);
}
