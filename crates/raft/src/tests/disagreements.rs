use super::cluster::{Cluster, directory};
use crate::*;
use klamm_protocol::api::vote::{VoteRequest, VoteRequestPartitionData, VoteRequestTopicData};
use klamm_protocol::{ErrorCode, Uuid};
use std::collections::BTreeSet;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn ids<const N: usize>(ids: [i32; N]) -> BTreeSet<i32> {
    ids.into()
}

#[test]
fn a_static_voter_elects_nobody_that_its_own_set_lacks() {
    let mut cluster = Cluster::new(&[1, 2, 3], &[], 0);
    cluster.elect();
    cluster.add_voter_of(4, &[2, 3, 4]);
    cluster.run(5 * SECOND);
    assert_eq!(cluster.node(4).log_end(), cluster.node(2).log_end(), "it is as far as anybody");
    cluster.crash(1);
    cluster.crash(3);
    cluster.run(20 * SECOND);
    let (second, fourth) = (cluster.node(2), cluster.node(4));
    assert!(!fourth.raft.is_leader(), "{:?} has two leaders of one epoch now", fourth.leader);
    assert_eq!(second.disagreements, [Disagreement::Stranger { id: 4, own: ids([1, 2, 3]) }], "once");
    let refused = Disagreement::StrangerTo { voter: 2, own: ids([2, 3, 4]) };
    assert_eq!(fourth.disagreements.iter().filter(|told| **told == refused).count(), 1);

    // With a leader there is somebody to compare with.
    cluster.restart(1);
    cluster.restart(3);
    let leader = cluster.elect();
    assert_ne!(leader, 4);
    cluster.run(10 * SECOND);
    let epoch = cluster.node(leader).raft.epoch();
    let (theirs, own) = (ids([1, 2, 3]), ids([2, 3, 4]));
    let found = Disagreement::LeaderVoters { leader, epoch, theirs, own, agreed_before: false };
    assert!(cluster.node(4).disagreements.contains(&found), "{:?}", cluster.node(4).disagreements);

    // Also when it has all records from before.
    cluster.crash(4);
    cluster.restart(4);
    let before = cluster.node(4).disagreements.len();
    cluster.run(5 * SECOND);
    assert!(cluster.node(4).disagreements[before..].contains(&found));
    for id in [1, 2, 3] {
        let other = |told: &&Disagreement| !matches!(told, Disagreement::Stranger { id: 4, .. });
        assert_eq!(cluster.node(id).disagreements.iter().find(other), None);
    }
}

#[test]
fn who_goes_by_voters_in_the_log_may_stand_before_a_voter_has_heard_of_it() {
    for (id, named, expect) in [
        (4, Uuid::ZERO, ErrorCode::InconsistentVoterSet),
        (4, directory(2), ErrorCode::None),
        (3, Uuid::ZERO, ErrorCode::None),
    ] {
        let mut cluster = Cluster::new(&[1, 2, 3], &[], 0);
        let request = VoteRequest {
            cluster_id: Some("cluster".into()),
            voter_id: 2,
            topics: vec![VoteRequestTopicData {
                topic_name: METADATA_TOPIC.into(),
                partitions: vec![VoteRequestPartitionData {
                    replica_epoch: 7,
                    replica_id: id,
                    replica_directory_id: directory(id),
                    voter_directory_id: named,
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        };
        cluster.ask(2, RaftRequest::Vote(request));
        let Some(RaftResponse::Vote(answer)) = cluster.answers.pop() else { panic!("no answer") };
        assert_eq!(ErrorCode::from_code(answer.error_code), expect, "{id} names {named}");
        let granted = answer.topics.iter().flat_map(|topic| &topic.partitions).any(|told| told.vote_granted);
        assert_eq!(granted, expect == ErrorCode::None);
        let epoch = cluster.node(2).raft.epoch();
        assert_eq!(epoch, if granted { 7 } else { 0 }, "a stranger's epoch does not count");
    }
}

#[test]
fn voters_with_directories_of_their_own_say_so_instead_of_waiting_silently() {
    let mut cluster = Cluster::formatted_apart(&[1, 2, 3]);
    cluster.run(10 * SECOND);
    for id in [1, 2, 3] {
        let node = cluster.node(id);
        assert_eq!(node.leader.1, None);
        for other in [1, 2, 3].into_iter().filter(|other| *other != id) {
            let (own, told) = (ReplicaKey { id, directory_id: Some(directory(id)) }, &node.disagreements);
            let is_asked = |it: &Disagreement| matches!(it, Disagreement::NotMeant { from, own: told, .. } if *from == other && *told == own);
            let asks =
                |it: &Disagreement| matches!(it, Disagreement::NotThere { wanted } if wanted.id == other);
            assert_eq!(told.iter().filter(|it| is_asked(it)).count(), 1, "{told:?}");
            assert_eq!(told.iter().filter(|it| asks(it)).count(), 1, "{told:?}");
        }
    }
}

#[test]
fn a_node_whose_id_leads_elsewhere_says_so() {
    let mut cluster = Cluster::new(&[1, 2, 3], &[], 0);
    let leader = cluster.elect();
    let epoch = cluster.node(leader).raft.epoch();
    let others: Vec<i32> = [1, 2, 3].into_iter().filter(|id| *id != leader).collect();
    // The real leader cannot be reached by its twin, but the others tell of it.
    cluster.vanish(leader);
    cluster.add_voter_of(leader, &[1, 2, 3]);
    cluster.appear(leader);
    cluster.run(SECOND);
    let told = Disagreement::Twin { id: leader, epoch };
    assert_eq!(cluster.node(leader).disagreements.iter().filter(|it| **it == told).count(), 1);
    for other in others {
        assert_eq!(cluster.node(other).disagreements, []);
    }
}
