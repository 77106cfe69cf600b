//! The quorum's own protocol, as nodes of other versions speak it.

use std::fs;

use klamm_metadata::bootstrap;
use klamm_protocol::{
    ErrorCode,
    api::{
        elect_leaders::ElectLeadersRequest,
        fetch::{FetchPartition, FetchRequest, FetchTopic},
        fetch_snapshot as snapshot,
        vote::{VoteRequest, VoteRequestPartitionData, VoteRequestTopicData},
    },
};
use klamm_raft::{METADATA_TOPIC, METADATA_TOPIC_ID};

use crate::harness::{Client, TestNode, beside_others, format, fresh_dir};

/// From an epoch that is over, so that every answer says who leads, as far as its version can.
#[test]
fn nodes_of_older_versions_are_answered() {
    let _guard = beside_others();
    let node = TestNode::start("quorum-versions", &[]);
    let mut client = Client::connect(node.controller_port);
    for version in 4..=18 {
        let partition =
            FetchPartition { last_fetched_epoch: if version < 12 { -1 } else { 0 }, ..Default::default() };
        let topic = FetchTopic {
            topic: METADATA_TOPIC.into(),
            topic_id: METADATA_TOPIC_ID,
            partitions: vec![partition],
            ..Default::default()
        };
        let answer = client.call(&FetchRequest { topics: vec![topic], ..Default::default() }, version);
        let partition = &answer.responses[0].partitions[0];
        assert_ne!(partition.error_code, 0, "v{version}");
        let leader = if version < 12 { -1 } else { 1 };
        assert_eq!(partition.current_leader.leader_id, leader, "v{version}");
        assert_eq!(answer.node_endpoints.is_empty(), version < 17, "v{version}");
    }
    for version in 0..=2 {
        // Of a static quorum only its voters may ask.
        let partition = VoteRequestPartitionData { replica_id: 1, ..Default::default() };
        let topic = VoteRequestTopicData {
            topic_name: METADATA_TOPIC.into(),
            partitions: vec![partition],
            ..Default::default()
        };
        let answer = client.call(&VoteRequest { topics: vec![topic], ..Default::default() }, version);
        assert_eq!(answer.topics[0].partitions[0].leader_id, 1, "v{version}");
        assert_eq!(answer.node_endpoints.is_empty(), version < 1, "v{version}");
    }
    for version in 0..=1 {
        let topic = snapshot::FetchSnapshotRequestTopicSnapshot {
            name: METADATA_TOPIC.into(),
            partitions: vec![snapshot::FetchSnapshotRequestPartitionSnapshot::default()],
            ..Default::default()
        };
        let request = snapshot::FetchSnapshotRequest { topics: vec![topic], ..Default::default() };
        let answer = client.call(&request, version);
        let partition = &answer.topics[0].partitions[0];
        assert_eq!(partition.error_code, ErrorCode::FencedLeaderEpoch.code(), "v{version}");
        assert_eq!(partition.current_leader.leader_id, 1, "v{version}");
    }
    let answer = node.connect().call(&ElectLeadersRequest::default(), 0);
    assert_eq!(answer.error_code, 0);
}

#[test]
fn a_cluster_begins_without_a_bootstrap_file() {
    let _guard = beside_others();
    let dir = fresh_dir("no-bootstrap");
    format(&dir, 1);
    let _ = fs::remove_file(dir.join(bootstrap::FILE_NAME));
    let node = TestNode::start_in(dir, &[]);
    node.create_topic("t", 1, &[]);
}
