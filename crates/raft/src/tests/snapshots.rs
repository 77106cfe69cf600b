//! Followers that get a snapshot instead of records.

use super::cluster::Cluster;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn expect_all(cluster: &Cluster, ids: &[i32], expect: &[String]) {
    for id in ids {
        assert_eq!(cluster.node(*id).committed_records(), expect, "node {id}");
    }
}

#[test]
fn a_follower_behind_the_log_gets_a_snapshot_in_parts() {
    let mut cluster = Cluster::new(&[1, 2, 3], &[], 3);
    let leader = cluster.elect();
    let behind = [1, 2, 3].into_iter().find(|id| *id != leader).expect("one of three");
    cluster.run(SECOND);
    cluster.crash(behind);
    let mut expect = Vec::new();
    for round in 0..40 {
        let value = format!("{round}: {}", "x".repeat(200));
        cluster.propose(leader, &value).expect("leads");
        expect.push(value);
    }
    cluster.run(SECOND);
    cluster.snapshot(leader, true);
    cluster.nodes.get_mut(&behind).expect("exists").config.snapshot_bytes_max = 1000;
    cluster.restart(behind);
    cluster.deliver_some(20);
    assert!(cluster.node(behind).snapshots.is_empty(), "one part at a time");
    cluster.run(2 * SECOND);
    expect_all(&cluster, &[1, 2, 3], &expect);
    assert_eq!(cluster.node(behind).log_start, cluster.node(leader).log_start);
}

#[test]
fn a_snapshot_that_is_interrupted_is_fetched_from_the_next_leader() {
    let mut cluster = Cluster::new(&[1, 2, 3], &[], 3);
    let leader = cluster.elect();
    let behind = [1, 2, 3].into_iter().find(|id| *id != leader).expect("one of three");
    let other = 6 - leader - behind;
    cluster.run(SECOND);
    cluster.crash(behind);
    let mut expect = Vec::new();
    for round in 0..40 {
        let value = format!("{round}: {}", "x".repeat(200));
        cluster.propose(leader, &value).expect("leads");
        expect.push(value);
    }
    cluster.run(SECOND);
    for id in [leader, other] {
        cluster.snapshot(id, true);
    }
    cluster.nodes.get_mut(&behind).expect("exists").config.snapshot_bytes_max = 100;
    cluster.restart(behind);
    cluster.deliver_some(40);
    assert!(!cluster.node(behind).snapshot_part.is_empty() && cluster.node(behind).snapshots.is_empty());
    cluster.crash(leader);
    cluster.run(8 * SECOND);
    expect_all(&cluster, &[behind, other], &expect);
}

/// Its tail was never committed, is longer than what the leader's snapshot covers, and goes all the same.
#[test]
fn a_diverged_log_goes_when_a_snapshot_comes() {
    let mut cluster = Cluster::new(&[1, 2, 3], &[], 4);
    let old = cluster.elect();
    cluster.run(SECOND);
    cluster.vanish(old);
    for round in 0..50 {
        cluster.propose(old, &format!("lost {round}")).expect("leads still");
    }
    cluster.nodes.get_mut(&old).expect("exists").up = false;
    cluster.run(8 * SECOND);
    let next = cluster.elect();
    cluster.propose(next, "kept").expect("leads");
    cluster.run(SECOND);
    cluster.snapshot(next, true);
    assert!(cluster.node(old).log_end() > cluster.node(next).log_end());
    cluster.appear(old);
    cluster.restart(old);
    cluster.run(5 * SECOND);
    let leader = cluster.elect();
    cluster.propose(leader, "on").expect("leads");
    cluster.run(SECOND);
    expect_all(&cluster, &[1, 2, 3], &["kept".to_owned(), "on".to_owned()]);
}
