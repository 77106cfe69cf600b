//! Crashes, lost and late messages, appends that a crash undoes: first safety under all of it, then progress when it
//! is over.

use super::cluster::{Chaos, Cluster};
use std::collections::BTreeMap;
use std::time::Duration;

const VOTERS: [i32; 3] = [1, 2, 3];
const ALL: [i32; 4] = [1, 2, 3, 9];

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
    open: Vec<Proposal>,
    acknowledged: Vec<String>,
    leaders: BTreeMap<i32, i32>,
    proposed: u32,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut cluster = Cluster::new(&VOTERS, &[9], seed);
        cluster.chaos = Some(Chaos::new(seed));
        Self { cluster, open: Vec::new(), acknowledged: Vec::new(), leaders: BTreeMap::new(), proposed: 0 }
    }

    fn draw(&mut self, end: u64) -> u64 {
        self.cluster.chaos.as_mut().map_or(0, |chaos| chaos.below(end))
    }

    fn propose(&mut self) {
        for id in VOTERS {
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
        for id in VOTERS {
            let node = self.cluster.node(id);
            if node.up && node.raft.is_leader() {
                let known = *self.leaders.entry(node.raft.epoch()).or_insert(id);
                assert_eq!(known, id, "two leaders in epoch {}", node.raft.epoch());
            }
        }
        let mut histories: Vec<Vec<String>> = ALL
            .into_iter()
            .map(|id| self.cluster.node(id))
            .filter(|node| node.up)
            .map(|node| node.committed_records())
            .collect();
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
        let id = VOTERS[usize::try_from(self.draw(3)).expect("small")];
        let up = VOTERS.into_iter().filter(|id| self.cluster.node(*id).up).count();
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

#[test]
fn nothing_acknowledged_is_lost_and_the_quorum_recovers() {
    let mut acknowledged = 0;
    for seed in 0..30 {
        let mut run = Run::new(seed);
        for _ in 0..60 {
            run.disturb();
            run.propose();
            let time = 50 + run.draw(400);
            run.cluster.run(Duration::from_millis(time));
            run.check();
        }
        run.cluster.chaos = None;
        for id in VOTERS {
            if !run.cluster.node(id).up {
                run.cluster.restart(id);
            }
        }
        // What was lost on the way keeps its asker waiting for as long as the request timeout.
        run.cluster.run(Duration::from_secs(5));
        let leader = run.cluster.elect();
        run.cluster.propose(leader, "last").expect("leads");
        run.cluster.run(Duration::from_secs(3));
        run.check();
        for id in ALL {
            let records = run.cluster.node(id).committed_records();
            assert_eq!(records.last().map(String::as_str), Some("last"), "seed {seed} node {id}");
            for value in &run.acknowledged {
                assert!(records.contains(value), "seed {seed}: node {id} has lost {value}");
            }
        }
        acknowledged += run.acknowledged.len();
    }
    assert!(acknowledged > 300, "the run has to get somewhere: {acknowledged}");
}
