//! Whatever version of the protocol another node speaks, it gets an answer.

use super::cluster::{Cluster, directory};
use super::voter_changes::bootstrap;
use crate::*;
use klamm_protocol::api::begin_quorum_epoch as begin;
use klamm_protocol::api::end_quorum_epoch as end;
use klamm_protocol::api::fetch::{FetchPartition, FetchRequest, FetchTopic, ReplicaState};
use klamm_protocol::api::fetch_snapshot as snapshot;
use klamm_protocol::api::vote::{VoteRequest, VoteRequestPartitionData, VoteRequestTopicData};
use klamm_protocol::{EncodeError, ErrorCode, Message, Request, VersionRange, Writer};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn fetch(epoch: i32, last_fetched_epoch: i32) -> FetchRequest {
    FetchRequest {
        cluster_id: Some("cluster".into()),
        replica_state: ReplicaState { replica_id: 5, ..Default::default() },
        max_bytes: 1000,
        topics: vec![FetchTopic {
            topic: METADATA_TOPIC.into(),
            topic_id: METADATA_TOPIC_ID,
            partitions: vec![FetchPartition {
                current_leader_epoch: epoch,
                fetch_offset: 1,
                last_fetched_epoch,
                replica_directory_id: directory(5),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// One request of each kind, from a node in `epoch`.
fn requests(epoch: i32) -> Vec<RaftRequest> {
    let vote = VoteRequestPartitionData { replica_epoch: epoch, replica_id: 5, ..Default::default() };
    let begin = begin::BeginQuorumEpochRequestPartitionData {
        leader_id: 5,
        leader_epoch: epoch,
        ..Default::default()
    };
    let end =
        end::EndQuorumEpochRequestPartitionData { leader_id: 5, leader_epoch: epoch, ..Default::default() };
    let part =
        snapshot::FetchSnapshotRequestPartitionSnapshot { current_leader_epoch: epoch, ..Default::default() };
    vec![
        RaftRequest::Fetch(Box::new(fetch(epoch, 1))),
        RaftRequest::Fetch(Box::new(fetch(epoch, -1))),
        RaftRequest::Vote(VoteRequest {
            topics: vec![VoteRequestTopicData {
                topic_name: METADATA_TOPIC.into(),
                partitions: vec![vote],
                ..Default::default()
            }],
            ..Default::default()
        }),
        RaftRequest::BeginQuorumEpoch(begin::BeginQuorumEpochRequest {
            topics: vec![begin::BeginQuorumEpochRequestTopicData {
                topic_name: METADATA_TOPIC.into(),
                partitions: vec![begin],
                ..Default::default()
            }],
            ..Default::default()
        }),
        RaftRequest::EndQuorumEpoch(end::EndQuorumEpochRequest {
            topics: vec![end::EndQuorumEpochRequestTopicData {
                topic_name: METADATA_TOPIC.into(),
                partitions: vec![end],
                ..Default::default()
            }],
            ..Default::default()
        }),
        RaftRequest::FetchSnapshot(snapshot::FetchSnapshotRequest {
            topics: vec![snapshot::FetchSnapshotRequestTopicSnapshot {
                name: METADATA_TOPIC.into(),
                partitions: vec![part],
                ..Default::default()
            }],
            ..Default::default()
        }),
    ]
}

fn encode(message: &impl Message, version: i16) -> Result<(), EncodeError> {
    message.encode(&mut Writer::new(), version)
}

/// Whether an answer says where the leader is, or why it cannot be said in that version.
fn told(answer: RaftResponse, version: i16) -> Result<bool, EncodeError> {
    Ok(match answer.in_version(version) {
        RaftResponse::Fetch(answer) => {
            encode(&*answer, version)?;
            !answer.node_endpoints.is_empty()
        }
        RaftResponse::Vote(answer) => {
            encode(&answer, version)?;
            !answer.node_endpoints.is_empty()
        }
        RaftResponse::BeginQuorumEpoch(answer) => {
            encode(&answer, version)?;
            !answer.node_endpoints.is_empty()
        }
        RaftResponse::EndQuorumEpoch(answer) => {
            encode(&answer, version)?;
            !answer.node_endpoints.is_empty()
        }
        RaftResponse::FetchSnapshot(answer) => {
            encode(&answer, version)?;
            !answer.node_endpoints.is_empty()
        }
        other => panic!("{other:?}"),
    })
}

const fn range<R: Request>() -> VersionRange {
    R::VERSIONS
}

#[test]
fn a_leader_answers_every_request_in_every_version() {
    let mut cluster = Cluster::standalone(1, bootstrap(1));
    cluster.run(SECOND);
    assert_eq!(cluster.node(1).leader, (1, Some(1)));
    // From the epoch before: refused, so that each answer tells who leads.
    for request in requests(0).into_iter().chain([RaftRequest::Fetch(Box::new(fetch(1, 1)))]) {
        let (versions, endpoints_since) = match &request {
            RaftRequest::Fetch(_) => (range::<FetchRequest>(), 17),
            RaftRequest::Vote(_) => (range::<VoteRequest>(), 1),
            RaftRequest::BeginQuorumEpoch(_) => (range::<begin::BeginQuorumEpochRequest>(), 1),
            RaftRequest::EndQuorumEpoch(_) => (range::<end::EndQuorumEpochRequest>(), 1),
            RaftRequest::FetchSnapshot(_) => (range::<snapshot::FetchSnapshotRequest>(), 1),
            other => panic!("{other:?}"),
        };
        cluster.ask(1, request.clone());
        let answer = cluster.answers.pop().expect("an answer at once");
        for version in versions.min..=versions.max {
            assert_eq!(
                told(answer.clone(), version),
                Ok(version >= endpoints_since),
                "version {version} of the answer to {request:?}"
            );
        }
    }
}

#[test]
fn a_snapshot_of_something_else_is_refused_by_its_partition() {
    let mut cluster = Cluster::standalone(1, bootstrap(1));
    cluster.run(SECOND);
    for (name, index) in [("other", 0), (METADATA_TOPIC, 1)] {
        let partition = snapshot::FetchSnapshotRequestPartitionSnapshot {
            partition: index,
            current_leader_epoch: 1,
            ..Default::default()
        };
        let topic = snapshot::FetchSnapshotRequestTopicSnapshot {
            name: name.into(),
            partitions: vec![partition],
            ..Default::default()
        };
        let request = snapshot::FetchSnapshotRequest { topics: vec![topic], ..Default::default() };
        cluster.ask(1, RaftRequest::FetchSnapshot(request));
        let Some(RaftResponse::FetchSnapshot(answer)) = cluster.answers.pop() else { panic!("an answer") };
        assert_eq!(answer.error_code, 0);
        let topic = &answer.topics[0];
        let partition = &topic.partitions[0];
        assert_eq!((topic.name.as_str(), partition.index), (name, index));
        assert_eq!(partition.error_code, ErrorCode::UnknownTopicOrPartition.code());
        assert_eq!(answer.node_endpoints[0].node_id, 1);
    }
    cluster.ask(1, RaftRequest::FetchSnapshot(snapshot::FetchSnapshotRequest::default()));
    let Some(RaftResponse::FetchSnapshot(answer)) = cluster.answers.pop() else { panic!("an answer") };
    assert_eq!(answer.error_code, ErrorCode::InvalidRequest.code(), "it asks for nothing");
}

#[test]
fn who_fetches_is_said_in_every_version() {
    for (version, replica_id, in_state) in [(12, 5, -1), (14, 5, -1), (15, -1, 5), (18, -1, 5)] {
        let mut request = fetch(1, 1);
        fetch_in_version(&mut request, version);
        assert_eq!((request.replica_id, request.replica_state.replica_id), (replica_id, in_state));
        assert_eq!(encode(&request, version), Ok(()), "version {version}");
    }
}
