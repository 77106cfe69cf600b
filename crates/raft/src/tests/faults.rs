//! Crashes, lost and late messages, appends that a crash undoes: first safety under all of it, then progress when it
//! is over.

use super::cluster::{Chaos, Cluster, directory};
use super::voter_changes::{add, bootstrap, remove};
use crate::RaftResponse;
use std::collections::BTreeMap;
use std::time::Duration;

/// A proposal whose fate is not known yet.
struct Proposal {
    node: i32,
    life: u32,
    epoch: i32,
    end_offset: i64,
    value: String,
}

struct Run {
    cluster: Cluster,
    /// Who may crash, and may lead.
    controllers: Vec<i32>,
    open: Vec<Proposal>,
    acknowledged: Vec<String>,
    leaders: BTreeMap<i32, i32>,
    proposed: u32,
}

impl Run {
    fn new(mut cluster: Cluster, controllers: &[i32], seed: u64) -> Self {
        cluster.chaos = Some(Chaos::new(seed));
        let controllers = controllers.to_vec();
        let (open, acknowledged, leaders) = (Vec::new(), Vec::new(), BTreeMap::new());
        Self { cluster, controllers, open, acknowledged, leaders, proposed: 0 }
    }

    fn draw(&mut self, end: u64) -> u64 {
        self.cluster.chaos.as_mut().map_or(0, |chaos| chaos.below(end))
    }

    fn propose(&mut self) {
        for id in self.controllers.clone() {
            let node = self.cluster.node(id);
            if !node.up || !node.raft.is_leader() {
                continue;
            }
            let (life, epoch) = (node.life, node.raft.epoch());
            let value = format!("v{}", self.proposed);
            self.proposed += 1;
            if let Ok(end_offset) = self.cluster.propose(id, &value) {
                self.open.push(Proposal { node: id, life, epoch, end_offset, value });
            }
        }
    }

    /// One election per epoch, one history for all, and acknowledgements as a driver would give them.
    fn check(&mut self) {
        for id in self.controllers.iter().copied() {
            let node = self.cluster.node(id);
            if node.up && node.raft.is_leader() {
                let known = *self.leaders.entry(node.raft.epoch()).or_insert(id);
                assert_eq!(known, id, "two leaders in epoch {}", node.raft.epoch());
            }
        }
        let mut histories: Vec<Vec<String>> =
            self.cluster.nodes.values().filter(|node| node.up).map(|node| node.committed_records()).collect();
        histories.sort_by_key(Vec::len);
        for pair in histories.windows(2) {
            assert_eq!(pair[0], pair[1][..pair[0].len()], "committed histories differ");
        }
        let mut open = Vec::new();
        for proposal in std::mem::take(&mut self.open) {
            let node = self.cluster.node(proposal.node);
            if !node.up || node.life != proposal.life || node.raft.epoch() != proposal.epoch {
                // Its driver answered that it does not know.
            } else if node.committed >= proposal.end_offset {
                self.acknowledged.push(proposal.value);
            } else {
                open.push(proposal);
            }
        }
        self.open = open;
    }

    fn disturb(&mut self) {
        let id = self.draw_controller();
        let up = self.controllers.iter().filter(|id| self.cluster.node(**id).up).count();
        match self.draw(10) {
            0 | 1 if self.cluster.node(id).up && up > 1 => self.cluster.crash(id),
            6 if self.cluster.node(id).up && self.cluster.node(id).committed > 0 => {
                let trim = self.draw(2) == 0;
                self.cluster.snapshot(id, trim);
            }
            2..=5 if !self.cluster.node(id).up => self.cluster.restart(id),
            _ => {}
        }
    }
}

impl Run {
    fn draw_controller(&mut self) -> i32 {
        let count = u64::try_from(self.controllers.len()).expect("small");
        let index = usize::try_from(self.draw(count)).expect("small");
        self.controllers[index]
    }

    /// Asks whoever leads to let a controller vote, or no longer.
    fn change_voters(&mut self) {
        let id = self.draw_controller();
        let leader = self.controllers.iter().copied().find(|id| {
            let node = self.cluster.node(*id);
            node.up && node.raft.is_leader()
        });
        let Some(leader) = leader else { return };
        let is_voter = self.cluster.node(leader).raft.voters().voter(id).is_some();
        let request = if is_voter { remove(id, directory(id)) } else { add(id, directory(id)) };
        self.cluster.ask(leader, request);
    }

    /// Faults, then peace. Returns how many records were acknowledged, and how many changes of the voters.
    fn survive(mut self, seed: u64, rounds: u32, changes: bool) -> (usize, usize) {
        for _ in 0..rounds {
            self.disturb();
            self.propose();
            if changes && self.draw(3) == 0 {
                self.change_voters();
            }
            let time = 50 + self.draw(400);
            self.cluster.run(Duration::from_millis(time));
            self.check();
        }
        self.cluster.chaos = None;
        for id in self.controllers.clone() {
            if !self.cluster.node(id).up {
                self.cluster.restart(id);
            }
        }
        // What was lost on the way keeps its asker waiting for as long as the request timeout.
        self.cluster.run(Duration::from_secs(10));
        let leader = self.cluster.elect();
        self.cluster.propose(leader, "last").expect("leads");
        self.cluster.run(Duration::from_secs(3));
        self.check();
        for (id, node) in &self.cluster.nodes {
            let records = node.committed_records();
            assert_eq!(records.last().map(String::as_str), Some("last"), "seed {seed} node {id}");
            for value in &self.acknowledged {
                assert!(records.contains(value), "seed {seed}: node {id} has lost {value}");
            }
        }
        let done = |answer: &&RaftResponse| match answer {
            RaftResponse::AddRaftVoter(answer) => answer.error_code == 0,
            RaftResponse::RemoveRaftVoter(answer) => answer.error_code == 0,
            _ => false,
        };
        (self.acknowledged.len(), self.cluster.answers.iter().filter(done).count())
    }
}

#[test]
fn nothing_acknowledged_is_lost_and_the_quorum_recovers() {
    let mut acknowledged = 0;
    for seed in 0..30 {
        let run = Run::new(Cluster::new(&[1, 2, 3], &[9], seed), &[1, 2, 3], seed);
        acknowledged += run.survive(seed, 60, false).0;
    }
    assert!(acknowledged > 300, "the run has to get somewhere: {acknowledged}");
}

#[test]
fn nothing_acknowledged_is_lost_while_voters_come_and_go() {
    let (mut acknowledged, mut changed) = (0, 0);
    for seed in 0..30 {
        let mut cluster = Cluster::standalone(1, bootstrap(1));
        for id in 2..=4 {
            cluster.add_controller(id, false);
        }
        cluster.run(Duration::from_secs(1));
        for id in 2..=3 {
            cluster.ask(1, add(id, directory(id)));
            cluster.run(Duration::from_secs(1));
        }
        let done = Run::new(cluster, &[1, 2, 3, 4], seed).survive(seed, 80, true);
        acknowledged += done.0;
        changed += done.1;
    }
    assert!(acknowledged > 300 && changed > 100, "the run has to get somewhere: {acknowledged}, {changed}");
}
