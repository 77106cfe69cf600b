//! Voters that come and go (KIP-853).

use super::cluster::{Cluster, directory};
use crate::control::{ControlRecord, control_batch};
use crate::*;
use bytes::Bytes;
use klamm_protocol::ErrorCode;
use klamm_protocol::Uuid;
use klamm_protocol::api::add_raft_voter::{AddRaftVoterRequest, Listener};
use klamm_protocol::api::remove_raft_voter::RemoveRaftVoterRequest;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

pub(super) fn bootstrap(id: i32) -> Bytes {
    bootstrap_of([(id, directory(id))])
}

/// What `storage format --initial-controllers` writes.
pub(super) fn bootstrap_of(controllers: impl IntoIterator<Item = (i32, Uuid)>) -> Bytes {
    let mut voters = VoterSet::default();
    for (id, directory_id) in controllers {
        voters.insert(Voter {
            key: ReplicaKey { id, directory_id: Some(directory_id) },
            endpoints: vec![Endpoint {
                listener: "CONTROLLER".into(),
                host: format!("host{id}").into(),
                port: u16::try_from(1000 + id).expect("small"),
            }],
            kraft_versions: (0, 1),
        });
    }
    let records = [ControlRecord::kraft_version(1), ControlRecord::Voters(voters.to_record())];
    control_batch(0, 0, 5, &records).expect("builds")
}

pub(super) fn add(id: i32, directory_id: Uuid) -> RaftRequest {
    RaftRequest::AddRaftVoter(AddRaftVoterRequest {
        cluster_id: None,
        voter_id: id,
        voter_directory_id: directory_id,
        listeners: vec![Listener {
            name: "CONTROLLER".into(),
            host: format!("host{id}").into(),
            port: u16::try_from(1000 + id).expect("small"),
            ..Default::default()
        }],
        ack_when_committed: true,
        ..Default::default()
    })
}

pub(super) fn remove(id: i32, directory_id: Uuid) -> RaftRequest {
    RaftRequest::RemoveRaftVoter(RemoveRaftVoterRequest {
        cluster_id: None,
        voter_id: id,
        voter_directory_id: directory_id,
        ..Default::default()
    })
}

fn ask(cluster: &mut Cluster, id: i32, request: RaftRequest) -> Option<ErrorCode> {
    cluster.ask(id, request);
    cluster.run(SECOND / 2);
    answer(cluster)
}

fn answer(cluster: &mut Cluster) -> Option<ErrorCode> {
    cluster.answers.pop().map(|answer| {
        ErrorCode::from_code(match answer {
            RaftResponse::AddRaftVoter(answer) => answer.error_code,
            RaftResponse::RemoveRaftVoter(answer) => answer.error_code,
            other => panic!("{other:?}"),
        })
    })
}

fn voters(cluster: &Cluster, id: i32) -> Vec<i32> {
    cluster.node(id).raft.voters().iter().map(|voter| voter.key.id).collect()
}

/// Voter 1 and two controllers that follow it.
fn three() -> Cluster {
    let mut cluster = Cluster::standalone(1, bootstrap(1));
    cluster.add_controller(2, false);
    cluster.add_controller(3, false);
    cluster.run(SECOND);
    cluster
}

fn three_voters() -> Cluster {
    let mut cluster = three();
    for id in [2, 3] {
        assert_eq!(ask(&mut cluster, 1, add(id, directory(id))), Some(ErrorCode::None));
    }
    cluster
}

#[test]
fn voters_are_added_one_after_the_other_and_outlive_the_first() {
    let mut cluster = three_voters();
    for id in [1, 2, 3] {
        assert_eq!(voters(&cluster, id), [1, 2, 3], "as node {id} sees it");
    }
    cluster.propose(1, "a").expect("leads");
    cluster.run(SECOND);
    cluster.crash(1);
    let next = cluster.elect();
    cluster.propose(next, "b").expect("leads");
    cluster.run(SECOND);
    assert_eq!(cluster.node(next).committed_records(), ["a", "b"]);
}

/// Nobody but itself counted until then: how long it has led says nothing about the voter that is new.
#[test]
fn the_only_voter_goes_on_leading_when_it_gets_a_second_one() {
    let mut cluster = three();
    cluster.run(10 * SECOND);
    assert_eq!(ask(&mut cluster, 1, add(2, directory(2))), Some(ErrorCode::None));
    cluster.run(5 * SECOND);
    assert_eq!(cluster.node(1).leader, (1, Some(1)));
    cluster.crash(2);
    cluster.run(5 * SECOND);
    assert!(!cluster.node(1).raft.is_leader(), "it needs the other one now");
}

#[test]
fn a_change_that_cannot_be_is_refused() {
    let mut cluster = three();
    for (request, expect) in [
        (add(2, Uuid::ZERO), ErrorCode::InvalidRequest),
        (add(-1, directory(2)), ErrorCode::InvalidRequest),
        (add(1, directory(9)), ErrorCode::DuplicateVoter),
        (add(7, directory(7)), ErrorCode::RequestTimedOut),
        (remove(1, directory(1)), ErrorCode::VoterNotFound),
        (remove(2, directory(2)), ErrorCode::VoterNotFound),
        (remove(1, Uuid::ZERO), ErrorCode::InvalidRequest),
    ] {
        assert_eq!(ask(&mut cluster, 1, request.clone()), Some(expect), "{request:?}");
    }
    assert_eq!(ask(&mut cluster, 2, add(3, directory(3))), Some(ErrorCode::NotLeaderOrFollower));
    let RaftRequest::AddRaftVoter(mut other) = add(2, directory(2)) else { panic!("an addition") };
    other.cluster_id = Some("another".into());
    let answer = ask(&mut cluster, 1, RaftRequest::AddRaftVoter(other));
    assert_eq!(answer, Some(ErrorCode::InconsistentClusterId));
    assert_eq!(voters(&cluster, 1), [1]);

    let mut fixed = Cluster::new(&[1], &[], 0);
    fixed.run(SECOND);
    assert_eq!(ask(&mut fixed, 1, add(2, directory(2))), Some(ErrorCode::UnsupportedVersion));
}

fn ask_why(cluster: &mut Cluster, request: RaftRequest) -> String {
    cluster.ask(1, request);
    cluster.run(SECOND / 2);
    let message = match cluster.answers.pop() {
        Some(RaftResponse::AddRaftVoter(answer)) => answer.error_message,
        Some(RaftResponse::RemoveRaftVoter(answer)) => answer.error_message,
        other => panic!("{other:?}"),
    };
    message.expect("a reason").as_str().to_owned()
}

/// As tools show it; scripts look for these.
#[test]
fn a_refusal_says_why_in_the_words_of_kafka() {
    let mut cluster = three();
    let own = format!("ReplicaKey(id=1, directoryId={})", directory(1));
    let other = format!("ReplicaKey(id=1, directoryId={})", directory(9));
    let silent = format!("ReplicaKey(id=2, directoryId={})", directory(9));
    let absent = format!("ReplicaKey(id=3, directoryId={})", directory(3));
    for (request, expect) in [
        (add(2, Uuid::ZERO), "Add voter request didn't include a valid voter".to_owned()),
        (
            add(1, directory(9)),
            format!("The voter id for {other} is already part of the set of voters [{own}]."),
        ),
        (
            add(2, directory(9)),
            format!("Aborted add voter operation for {silent} since it is lagging behind"),
        ),
        (
            add(7, directory(7)),
            "Aborted add voter operation for since API_VERSIONS returned an error BROKER_NOT_AVAILABLE"
                .to_owned(),
        ),
        (remove(1, Uuid::ZERO), "Remove voter request didn't include a valid voter".to_owned()),
        (remove(3, directory(3)), format!("Cannot remove voter {absent} from the set of voters [{own}]")),
        (remove(1, directory(1)), format!("Cannot remove voter {own} from the set of voters [{own}]")),
    ] {
        assert_eq!(ask_why(&mut cluster, request.clone()), expect, "{request:?}");
    }

    let mut fixed = Cluster::new(&[1], &[], 0);
    fixed.run(SECOND);
    for (request, what) in [(add(2, directory(2)), "adding"), (remove(1, directory(1)), "removing")] {
        let expect = format!("Cluster doesn't support {what} voter because the kraft.version feature is 0");
        assert_eq!(ask_why(&mut fixed, request), expect);
    }

    let mut busy = three_voters();
    busy.vanish(2);
    busy.vanish(3);
    busy.ask(1, remove(3, directory(3)));
    let expect = "Request timed out waiting for leader to handle previous voter change request";
    assert_eq!(ask_why(&mut busy, remove(2, directory(2))), expect);
}

#[test]
fn a_leader_that_is_removed_commits_that_and_goes() {
    let mut cluster = three_voters();
    assert_eq!(ask(&mut cluster, 1, remove(1, directory(1))), Some(ErrorCode::None));
    let next = cluster.elect();
    assert_ne!(next, 1);
    cluster.run(SECOND);
    assert_eq!(voters(&cluster, next), [2, 3]);
    cluster.propose(next, "without 1").expect("leads");
    cluster.run(3 * SECOND);
    assert_eq!(cluster.node(1).committed_records(), ["without 1"], "it follows as an observer");
    assert_eq!(cluster.node(1).raft.role_name(), "Follower");
}

/// Nobody else has the record: the next leader's log takes it back, with the voters in it.
#[test]
fn a_change_that_is_not_committed_is_taken_back() {
    let mut cluster = three_voters();
    cluster.propose(1, "a").expect("leads");
    cluster.run(SECOND);
    cluster.vanish(1);
    cluster.ask(1, remove(3, directory(3)));
    assert_eq!(voters(&cluster, 1), [1, 2], "in force from the log on");
    cluster.run(SECOND / 2);
    assert_eq!(answer(&mut cluster), None, "it is not committed");
    cluster.run(8 * SECOND);
    let next = cluster.elect();
    assert_ne!(next, 1);
    assert_eq!(answer(&mut cluster), Some(ErrorCode::RequestTimedOut));
    cluster.appear(1);
    cluster.run(8 * SECOND);
    for id in [1, 2, 3] {
        assert_eq!(voters(&cluster, id), [1, 2, 3], "as node {id} sees it");
        assert_eq!(cluster.node(id).committed_records(), ["a"], "node {id}");
    }
}

/// Only its log has the change, so that only it can be elected, although it does not vote any longer.
#[test]
fn a_leader_that_dies_while_it_is_removed_finishes_that() {
    let mut cluster = three_voters();
    assert_eq!(ask(&mut cluster, 1, remove(3, directory(3))), Some(ErrorCode::None));
    cluster.vanish(2);
    cluster.ask(1, remove(1, directory(1)));
    cluster.crash(1);
    cluster.appear(2);
    cluster.restart(1);
    cluster.run(20 * SECOND);
    let leader = cluster.elect();
    assert_eq!((leader, voters(&cluster, leader)), (2, vec![2]));
}

#[test]
fn a_second_change_waits_for_the_first() {
    let mut cluster = three_voters();
    cluster.vanish(2);
    cluster.vanish(3);
    cluster.ask(1, remove(3, directory(3)));
    cluster.ask(1, remove(2, directory(2)));
    assert_eq!(answer(&mut cluster), Some(ErrorCode::RequestTimedOut));
    assert_eq!(voters(&cluster, 1), [1, 2]);
}

#[test]
fn a_controller_joins_by_itself_and_takes_the_place_of_its_lost_disk() {
    let mut cluster = Cluster::standalone(1, bootstrap(1));
    for id in [2, 3] {
        cluster.add_controller(id, true);
    }
    cluster.run(20 * SECOND);
    assert_eq!(voters(&cluster, 1), [1, 2, 3]);
    cluster.crash(3);
    cluster.nodes.remove(&3);
    cluster.add_controller(3, true);
    let fresh = Uuid::from_u128(0xabc);
    cluster.nodes.get_mut(&3).expect("exists").config.directory_id = fresh;
    cluster.restart(3);
    cluster.run(20 * SECOND);
    let leader = cluster.elect();
    let voter = cluster.node(leader).raft.voters().voter(3).expect("votes again").key;
    assert_eq!(voter.directory_id, Some(fresh));
}

#[test]
fn a_voter_that_has_moved_tells_the_leader() {
    let mut cluster = three_voters();
    cluster.crash(3);
    let moved = Endpoint { listener: "CONTROLLER".into(), host: "elsewhere".into(), port: 1003 };
    cluster.nodes.get_mut(&3).expect("exists").config.advertised = vec![moved.clone()];
    cluster.restart(3);
    cluster.run(10 * SECOND);
    for id in [1, 2, 3] {
        let voter = cluster.node(id).raft.voters().voter(3).expect("votes").clone();
        assert_eq!(voter.endpoints.as_slice(), std::slice::from_ref(&moved), "as node {id} sees it");
    }
}

#[test]
fn snapshots_keep_the_voters_of_their_time() {
    let mut cluster = three_voters();
    cluster.propose(1, "a").expect("leads");
    cluster.run(SECOND);
    cluster.snapshot(1, true);
    cluster.add_controller(4, false);
    cluster.run(3 * SECOND);
    assert_eq!(voters(&cluster, 4), [1, 2, 3], "from the snapshot");
    assert_eq!(cluster.node(4).committed_records(), ["a"]);
    assert_eq!(ask(&mut cluster, 1, add(4, directory(4))), Some(ErrorCode::None));
    cluster.crash(4);
    cluster.restart(4);
    cluster.run(3 * SECOND);
    assert_eq!(voters(&cluster, 4), [1, 2, 3, 4]);
}
