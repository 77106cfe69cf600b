use super::cluster::{Chaos, Cluster, directory};
use crate::control::{ControlRecord, control_batch, control_records};
use crate::*;
use klamm_protocol::api::describe_quorum::{
    DescribeQuorumRequest, DescribeQuorumRequestPartitionData, DescribeQuorumRequestTopicData,
};
use klamm_protocol::api::fetch::{FetchPartition, FetchRequest, FetchTopic};
use klamm_protocol::api::vote::{VoteRequest, VoteRequestPartitionData, VoteRequestTopicData};
use klamm_protocol::records::BatchIter;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_single_voter_elects_itself_at_once_and_commits() {
    let mut cluster = Cluster::new(&[1], &[], 0);
    cluster.step(1, Input::Tick);
    assert_eq!(cluster.node(1).leader, (1, Some(1)));
    assert_eq!(cluster.node(1).committed, 1, "the leader change record");
    assert_eq!(cluster.propose(1, "a"), Ok(2));
    assert_eq!(cluster.propose(1, "b"), Ok(3));
    assert_eq!(cluster.node(1).committed_records(), ["a", "b"]);
    assert_eq!(cluster.node(1).raft.next_deadline(), None, "nothing to wait for");

    cluster.crash(1);
    cluster.restart(1);
    cluster.step(1, Input::Tick);
    assert_eq!(cluster.node(1).leader, (2, Some(1)), "each start is an epoch");
    assert_eq!(cluster.propose(1, "c"), Ok(5));
    assert_eq!(cluster.node(1).committed_records(), ["a", "b", "c"]);
    cluster.step(1, Input::Shutdown { timeout: SECOND });
    assert!(cluster.node(1).shut_down);
}

#[test]
fn the_only_voter_does_not_stop_before_the_observers_have_heard_its_last_word() {
    let mut cluster = Cluster::new(&[1], &[2, 3], 0);
    cluster.run(SECOND);
    cluster.crash(3);
    cluster.run(2 * SECOND);
    // Said, and not heard yet.
    assert!(cluster.propose(1, "the broker of node 1 is gone").is_ok());
    cluster.step(1, Input::Shutdown { timeout: 5 * SECOND });
    assert!(!cluster.node(1).shut_down);
    cluster.run(SECOND / 4);
    assert_eq!(cluster.node(2).committed_records(), ["the broker of node 1 is gone"]);
    assert!(cluster.node(1).shut_down);
}

#[test]
fn the_only_voter_does_not_wait_for_observers_that_are_not_there() {
    let mut cluster = Cluster::new(&[1], &[2], 0);
    cluster.run(SECOND);
    cluster.crash(2);
    assert!(cluster.propose(1, "last").is_ok());
    cluster.step(1, Input::Shutdown { timeout: 5 * SECOND });
    cluster.run(SECOND / 4);
    assert!(!cluster.node(1).shut_down, "it may be there still");
    cluster.run(SECOND / 2);
    assert!(cluster.node(1).shut_down);
}

#[test]
fn proposals_share_the_append_that_follows() {
    let config = {
        let mut config = Config::new(1, directory(1), "cluster".into());
        config.static_voters = parse_voters("1@localhost:1", "CONTROLLER").expect("well formed");
        config
    };
    let now = Now { monotonic: Duration::ZERO, wall_ms: 0 };
    let mut raft = Raft::new(now, config, LogState::default(), ControlState::default(), None);
    let mut actions = Vec::new();
    raft.step(now, Input::Tick, &mut actions);
    assert!(matches!(actions.last(), Some(Action::Append { base_offset: 0, end_offset: 1, sync: true, .. })));
    actions.clear();
    for value in ["a", "b", "c"] {
        raft.propose(now, 1, &[value.into()], &mut actions).expect("leads");
    }
    assert_eq!(actions, [], "one append is under way");
    raft.step(now, Input::Appended, &mut actions);
    let [Action::Append { base_offset: 1, end_offset: 4, batches, .. }, rest @ ..] = actions.as_slice()
    else {
        panic!("{actions:?}");
    };
    assert_eq!(BatchIter::new(batches.clone()).count(), 3);
    assert_eq!(
        rest,
        [Action::HighWatermark { offset: 1 }, Action::LeaderChanged { epoch: 1, leader: Some(1) }]
    );
    actions.clear();
    raft.step(now, Input::Appended, &mut actions);
    assert_eq!(actions, [Action::HighWatermark { offset: 4 }]);
    assert_eq!(raft.propose(now, 0, &["d".into()], &mut actions), Err(ProposeError::NotLeader(0)));
}

#[test]
fn the_first_leader_of_a_dynamic_quorum_writes_the_voters_down() {
    let mut voters = VoterSet::default();
    voters.insert(Voter {
        key: ReplicaKey { id: 7, directory_id: Some(directory(7)) },
        endpoints: vec![Endpoint { listener: "CONTROLLER".into(), host: "host7".into(), port: 1007 }],
        kraft_versions: (0, 1),
    });
    let records = [ControlRecord::kraft_version(1), ControlRecord::Voters(voters.to_record())];
    let snapshot = control_batch(0, 0, 5, &records).expect("builds");
    let mut cluster = Cluster::standalone(7, snapshot);
    cluster.step(7, Input::Tick);
    assert_eq!(cluster.node(7).leader, (1, Some(7)));
    assert_eq!(cluster.node(7).committed, 3, "leader change, kraft version, voters");
    assert_eq!(cluster.node(7).raft.control().voters().map(|(offset, _)| offset), Some(2));
    cluster.crash(7);
    cluster.restart(7);
    cluster.step(7, Input::Tick);
    assert_eq!(cluster.node(7).committed, 4, "only a leader change: the voters are in the log");
}

#[test]
fn an_observer_finds_the_leader_and_follows() {
    let mut cluster = Cluster::new(&[3000], &[0, 1], 0);
    cluster.run(SECOND);
    for value in ["a", "b"] {
        cluster.propose(3000, value).expect("leads");
    }
    cluster.run(SECOND);
    for id in [0, 1] {
        assert_eq!(cluster.node(id).leader, (1, Some(3000)));
        assert_eq!(cluster.node(id).committed_records(), ["a", "b"], "observer {id}");
    }
    cluster.crash(3000);
    cluster.run(3 * SECOND);
    cluster.restart(3000);
    cluster.run(SECOND);
    cluster.propose(3000, "c").expect("leads again");
    cluster.run(SECOND);
    assert_eq!(cluster.node(0).committed_records(), ["a", "b", "c"]);
    assert_eq!(cluster.node(0).leader, (2, Some(3000)));
}

#[test]
fn what_a_leader_commits_survives_its_death() {
    for seed in 0..20 {
        let mut cluster = Cluster::new(&[1, 2, 3], &[9], seed);
        let mut expect = Vec::new();
        for round in 0..4 {
            let leader = cluster.elect();
            let value = format!("{round}");
            cluster.propose(leader, &value).expect("leads");
            cluster.run(SECOND / 5);
            expect.push(value);
            assert_eq!(cluster.node(leader).committed_records(), expect, "seed {seed}");
            // Nobody hears of this one.
            cluster.propose(leader, "lost").expect("leads");
            cluster.crash(leader);
            let next = cluster.elect();
            assert_ne!(next, leader);
            cluster.restart(leader);
            cluster.run(2 * SECOND);
        }
        for id in [1, 2, 3, 9] {
            assert_eq!(cluster.node(id).committed_records(), expect, "seed {seed} node {id}");
        }
    }
}

#[test]
fn a_leader_that_stops_hands_over_without_waiting_for_a_timeout() {
    let mut cluster = Cluster::new(&[1, 2, 3], &[], 4);
    let leader = cluster.elect();
    cluster.run(SECOND);
    cluster.step(leader, Input::Shutdown { timeout: 5 * SECOND });
    cluster.run(SECOND / 2);
    assert!(cluster.node(leader).shut_down);
    cluster.crash(leader);
    cluster.run(SECOND / 2);
    let successor = cluster.nodes.values().find(|node| node.up && node.raft.is_leader());
    assert!(successor.is_some(), "within less than the fetch timeout");
}

/// The one voter that is left beside it cannot be elected without its vote, which a log that lacks its last records would
/// not get.
#[test]
fn a_leader_that_stops_has_its_last_records_committed_before() {
    for seed in 0..20 {
        let mut cluster = Cluster::new(&[1, 2, 3], &[], seed);
        let leader = cluster.elect();
        cluster.run(SECOND);
        let others: Vec<i32> = [1, 2, 3].into_iter().filter(|id| *id != leader).collect();
        cluster.crash(others[0]);
        cluster.run(SECOND / 10);
        assert!(cluster.propose(leader, "last").is_ok());
        cluster.step(leader, Input::Shutdown { timeout: 5 * SECOND });
        cluster.run(SECOND / 2);
        let successor = cluster.node(others[1]);
        assert!(successor.raft.is_leader(), "seed {seed}");
        assert_eq!(successor.committed_records(), ["last"]);
        assert!(cluster.node(leader).shut_down);
    }
}

#[test]
fn a_leader_that_stops_and_hears_of_nobody_waits_for_its_time_and_not_longer() {
    let mut cluster = Cluster::new(&[1, 2, 3], &[], 4);
    let leader = cluster.elect();
    cluster.run(SECOND);
    [1, 2, 3].into_iter().filter(|id| *id != leader).for_each(|id| cluster.vanish(id));
    assert!(cluster.propose(leader, "nobody hears of it").is_ok());
    cluster.step(leader, Input::Shutdown { timeout: 5 * SECOND });
    cluster.run(4 * SECOND);
    assert!(!cluster.node(leader).shut_down);
    cluster.run(2 * SECOND);
    assert!(cluster.node(leader).shut_down);
}

/// Its connections close and nothing listens where it did: nobody has to wait for the fetch timeout of 2 s.
#[test]
fn the_survivors_of_a_dead_leader_elect_another_at_once() {
    for seed in 0..20 {
        let mut cluster = Cluster::new(&[1, 2, 3], &[], seed);
        let leader = cluster.elect();
        cluster.run(SECOND);
        cluster.crash(leader);
        cluster.run(SECOND / 4);
        let successor = cluster.nodes.values().find(|node| node.up && node.raft.is_leader());
        assert!(successor.is_some_and(|node| node.leader.1.is_some()), "seed {seed}");
        assert_eq!(successor.map(|node| node.raft.epoch()), Some(cluster.node(leader).raft.epoch() + 1));
    }
}

/// Each stands when it notices, and has to be through with its votes before the next one does.
#[test]
fn survivors_that_notice_one_after_the_other_elect_a_leader_soon() {
    for seed in 0..50 {
        let mut cluster = Cluster::new(&[1, 2, 3], &[], seed);
        let leader = cluster.elect();
        cluster.run(SECOND);
        cluster.chaos = Some(Chaos::only_late(seed));
        cluster.run(SECOND);
        cluster.propose(leader, "a").expect("leads");
        cluster.run(SECOND / 20);
        cluster.crash(leader);
        cluster.run(SECOND * 6 / 5);
        let successor = cluster.nodes.values().find(|node| node.up && node.raft.is_leader());
        assert!(successor.is_some(), "seed {seed}");
    }
}

/// A machine that is gone says nothing, and one node that cannot connect deposes nobody.
#[test]
fn a_leader_that_one_node_cannot_reach_stays() {
    let mut cluster = Cluster::new(&[1, 2, 3], &[], 1);
    let leader = cluster.elect();
    cluster.run(SECOND);
    let lonely = [1, 2, 3].into_iter().find(|id| *id != leader).expect("one of three");
    let epoch = cluster.node(leader).raft.epoch();
    for _ in 0..20 {
        cluster.refuse(lonely);
        cluster.run(SECOND / 10);
    }
    assert!(cluster.node(leader).raft.is_leader());
    assert_eq!(cluster.node(lonely).raft.epoch(), epoch);
}

#[test]
fn a_leader_without_a_majority_steps_down() {
    let mut cluster = Cluster::new(&[1, 2, 3], &[], 1);
    let leader = cluster.elect();
    for id in [1, 2, 3] {
        if id != leader {
            cluster.crash(id);
        }
    }
    cluster.run(5 * SECOND);
    assert!(!cluster.node(leader).raft.is_leader());
    assert_eq!(cluster.propose(leader, "x").map_err(|_| ()), Err(()));
}

#[test]
fn a_static_quorum_becomes_a_dynamic_one() {
    let mut cluster = Cluster::new(&[1, 2, 3], &[], 5);
    let leader = cluster.elect();
    cluster.run(SECOND);
    let follower = [1, 2, 3].into_iter().find(|id| *id != leader).expect("one of three");
    assert!(cluster.upgrade(follower, 1).is_err());
    assert_eq!(cluster.upgrade(leader, 1), Ok(()));
    cluster.run(SECOND);
    for id in [1, 2, 3] {
        let control = cluster.node(id).raft.control();
        let (_, voters) = control.voters().expect("in the log");
        let directories: Vec<_> = voters.iter().map(|voter| voter.key.directory_id).collect();
        assert_eq!(directories, [1, 2, 3].map(|id| Some(directory(id))), "as node {id} sees it");
        assert_eq!(control.kraft_version(), 1);
    }
    assert!(cluster.upgrade(leader, 0).is_err(), "there is no way back");
    cluster.propose(leader, "a").expect("leads");
    cluster.run(SECOND / 5);
    cluster.crash(leader);
    let next = cluster.elect();
    cluster.run(SECOND);
    assert_eq!(cluster.node(next).committed_records(), ["a"]);
}

#[test]
fn describe_quorum_tells_how_far_everybody_is() {
    let mut cluster = Cluster::new(&[3000], &[0], 0);
    cluster.run(SECOND);
    cluster.propose(3000, "a").expect("leads");
    cluster.run(SECOND);
    let request = DescribeQuorumRequest {
        topics: vec![DescribeQuorumRequestTopicData {
            topic_name: METADATA_TOPIC.into(),
            partitions: vec![DescribeQuorumRequestPartitionData::default()],
            ..Default::default()
        }],
        ..Default::default()
    };
    let now = Now { monotonic: 3 * SECOND, wall_ms: 2_000_000 };
    let response = cluster.node(3000).raft.describe_quorum(now, &request);
    let partition = &response.topics[0].partitions[0];
    let states = |replicas: &[klamm_protocol::api::describe_quorum::ReplicaState]| -> Vec<_> {
        replicas.iter().map(|state| (state.replica_id, state.log_end_offset)).collect()
    };
    assert_eq!((partition.leader_id, partition.leader_epoch, partition.high_watermark), (3000, 1, 2));
    assert_eq!(states(&partition.current_voters), [(3000, 2)]);
    assert_eq!(states(&partition.observers), [(0, 2)]);
    assert!(partition.observers[0].last_caught_up_timestamp > 1_000_000);
    assert_eq!(response.nodes[0].listeners[0].host, "host3000");
}

#[test]
fn nonsense_from_the_network_changes_nothing() {
    let mut cluster = Cluster::new(&[1], &[], 0);
    cluster.run(SECOND);
    let partition = |epoch, replica_id, last_offset| VoteRequestPartitionData {
        replica_epoch: epoch,
        replica_id,
        last_offset,
        ..Default::default()
    };
    for partition in [
        partition(i32::MAX, 5, 1),
        partition(i32::MIN, 5, 1),
        partition(9, -1, 1),
        partition(9, 5, -1),
        VoteRequestPartitionData { partition_index: 3, ..partition(9, 5, 1) },
        VoteRequestPartitionData { last_offset_epoch: 9, ..partition(9, 5, 1) },
    ] {
        let request = RaftRequest::Vote(VoteRequest {
            topics: vec![VoteRequestTopicData {
                topic_name: METADATA_TOPIC.into(),
                partitions: vec![partition],
                ..Default::default()
            }],
            ..Default::default()
        });
        cluster.step(1, Input::Request { token: 900, listener: "X".into(), request });
        assert_eq!(cluster.node(1).leader, (1, Some(1)));
    }
    for (offset, epoch, last_epoch, max_wait_ms) in
        [(-1, 1, 0, 1), (5, i32::MAX, 0, 1), (5, 1, 7, 1), (i64::MAX, 1, 1, i32::MAX), (5, 1, 1, i32::MIN)]
    {
        let request = RaftRequest::Fetch(Box::new(FetchRequest {
            max_wait_ms,
            topics: vec![FetchTopic {
                topic_id: METADATA_TOPIC_ID,
                partitions: vec![FetchPartition {
                    fetch_offset: offset,
                    current_leader_epoch: epoch,
                    last_fetched_epoch: last_epoch,
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        }));
        cluster.step(1, Input::Request { token: 901, listener: "X".into(), request });
    }
    assert_eq!(cluster.propose(1, "still here"), Ok(2));
    assert_eq!(cluster.node(1).committed_records(), ["still here"]);
}

#[test]
fn a_leader_change_record_names_voters_and_granting_voters() {
    let record = ControlRecord::leader_change(3, [1, 3].into_iter(), [3].into_iter());
    let batch = control_batch(10, 4, 99, std::slice::from_ref(&record)).expect("builds");
    let batch = BatchIter::new(batch).next().expect("one").expect("good");
    assert_eq!(batch.header().partition_leader_epoch, 4);
    assert_eq!(control_records(&batch), [(10, record)]);
}
