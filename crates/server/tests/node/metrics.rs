//! What a node tells by HTTP of what it does.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
};

use klamm_protocol::{
    api::{
        find_coordinator::FindCoordinatorRequest,
        offset_commit::{OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic},
    },
    records::CompressionType,
};

use crate::{
    batches::{batch, produce},
    harness::{Client, PATIENCE, TestNode, beside_others, eventually},
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
    for (series, expected) in [
        ("kafka_server_brokertopicmetrics_messagesin_total", 4.0),
        ("kafka_server_brokertopicmetrics_messagesin_total{topic=\"measured\"}", 3.0),
        ("kafka_server_brokertopicmetrics_totalproducerequests_total{topic=\"measured\"}", 1.0),
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
        ("kafka_controller_kafkacontroller_brokerregistrationstate{broker=\"1\"}", 30.0),
        ("kafka_controller_kafkacontroller_timedoutbrokerheartbeatcount", 0.0),
        ("kafka_controller_controllerstats_uncleanleaderelections_total", 0.0),
        ("kafka_server_replicafetchermanager_maxlag{clientid=\"Replica\"}", 0.0),
        ("kafka_log_logcleanermanager_max_dirty_percent", 0.0),
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
    ] {
        assert_eq!(value(&text, series), expected, "{series}");
    }
    assert!(value(&text, "kafka_server_brokertopicmetrics_bytesin_total") >= sent.len() as f64);
    assert!(
        value(&text, "kafka_network_requestmetrics_totaltimems{request=\"Produce\",quantile=\"0.99\"}") > 0.0
    );
    assert!(value(&text, "process_resident_memory_bytes") > 1e6);
    assert_eq!(text.lines().last(), Some("# EOF"));
    assert!(get(port, "/other").0.starts_with("HTTP/1.1 404"));
}
