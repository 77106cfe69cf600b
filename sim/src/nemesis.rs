//! What goes wrong, and what makes it good again.

use std::{cell::RefCell, collections::BTreeMap, path::PathBuf, rc::Rc, sync::Arc, time::Duration};

use anyhow::Result;
use klamm_io::{
    Entropy,
    sim::{Host, Simulation, disk::Faults, net::Link},
};
use klamm_server::metadata::Published;

use crate::{
    cluster::{Cluster, log_dirs},
    history::Shared,
    invariants::{Invariants, Loss},
    plan::{Plan, Special},
};

/// The newest image that any node has committed.
pub type Newest = Rc<RefCell<Option<Arc<Published>>>>;

/// What breaks is known to both ends after so long, once links are whole.
const SETTLING: Duration = Duration::from_secs(1);

type Deed<'a> = fn(&mut Nemesis<'a>);

/// What is due later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Later {
    Start(usize),
    Stop(usize),
    Resume(usize),
    MendDisk(usize),
    /// A node that may have lost a log directory starts again.
    Forgive(usize),
    MendLinks,
}

/// Does harm to a cluster, and sees that dead nodes come back.
pub struct Nemesis<'a> {
    sim: &'a Simulation,
    /// The nodes.
    pub cluster: Cluster,
    plan: &'a Plan,
    entropy: Entropy,
    invariants: Rc<RefCell<Invariants>>,
    newest: Newest,
    clients: Vec<Host>,
    history: Shared,
    later: Vec<(Duration, Later)>,
    /// Whose process has ended, and the broker epoch it had in the newest image then.
    ended: BTreeMap<usize, i64>,
    /// A host has lost its power, and its partitions are not whole yet.
    recovering: bool,
    /// What was done, with the time, for reports.
    pub deeds: Vec<(Duration, String)>,
}

/// What a nemesis is made from.
pub struct Parts<'a> {
    /// The world.
    pub sim: &'a Simulation,
    /// The nodes, running.
    pub cluster: Cluster,
    /// What may go wrong.
    pub plan: &'a Plan,
    /// Who has to hear of dead nodes.
    pub invariants: Rc<RefCell<Invariants>>,
    /// Tells who is in sync.
    pub newest: Newest,
    /// Hosts of clients.
    pub clients: Vec<Host>,
    /// Has to know when connections may break.
    pub history: Shared,
}

impl<'a> Nemesis<'a> {
    /// One that has done nothing yet.
    pub fn new(parts: Parts<'a>) -> Self {
        let Parts { sim, cluster, plan, invariants, newest, clients, history } = parts;
        let entropy = Entropy::seeded(plan.seed ^ 0x6e65_6d65);
        let (later, deeds) = (Vec::new(), Vec::new());
        let ended = BTreeMap::new();
        Self {
            sim,
            cluster,
            plan,
            entropy,
            invariants,
            newest,
            clients,
            history,
            later,
            ended,
            recovering: false,
            deeds,
        }
    }

    fn chance(&self, percent: u64) -> bool {
        self.entropy.below(100) < percent
    }

    fn millis(&self, low: u64, high: u64) -> Duration {
        Duration::from_millis(low + self.entropy.below(high - low))
    }

    fn say(&mut self, deed: String) {
        tracing::warn!(deed, "nemesis");
        self.deeds.push((self.sim.now(), deed));
    }

    fn at(&mut self, after: Duration, later: Later) {
        self.later.push((self.sim.now() + after, later));
    }

    fn any_node(&self) -> usize {
        usize::try_from(self.entropy.below(self.cluster.nodes.len() as u64)).unwrap_or(0)
    }

    /// Lets time pass up to `end` while doing harm.
    ///
    /// # Errors
    /// If a node cannot be started at all.
    pub fn rage(&mut self, end: Duration) -> Result<()> {
        let mut next = self.sim.now() + Duration::from_secs(5);
        while self.sim.now() < end && self.invariants.borrow().violations.is_empty() {
            self.sim.run_for(Duration::from_millis(50));
            self.mend_due()?;
            if self.sim.now() < next {
                continue;
            }
            next = self.sim.now()
                + self.millis(50, u64::try_from(self.plan.pause_max.as_millis()).unwrap_or(1000));
            self.harm();
        }
        Ok(())
    }

    fn harm(&mut self) {
        if matches!(self.plan.special, Special::Blackout | Special::LyingDisks) {
            if self.sim.now() > Duration::from_secs(12)
                && !self.deeds.iter().any(|(_, d)| d.contains("blackout"))
            {
                self.blackout();
            }
            return;
        }
        let kinds = self.plan.kinds;
        let deeds: [(bool, Deed<'a>); 10] = [
            (kinds.kill, Self::kill),
            (kinds.power, Self::lose_power),
            (kinds.restart, Self::restart),
            (kinds.pause, Self::pause),
            (kinds.partition, Self::partition),
            (kinds.network, Self::disturb_network),
            (kinds.slow_disk, Self::slow_disk),
            (kinds.bad_disk, Self::bad_disk),
            (kinds.clock, Self::skew_clock),
            (kinds.log_dir, Self::fail_log_dir),
        ];
        let possible: Vec<Deed<'a>> =
            deeds.into_iter().filter(|(is_on, _)| *is_on).map(|(_, deed)| deed).collect();
        if !possible.is_empty() {
            let chosen = usize::try_from(self.entropy.below(possible.len() as u64)).unwrap_or(0);
            possible[chosen](self);
            self.note_disturbance();
        }
    }

    /// A connection that breaks has its broker take back what a member of a share group has, before that member knows.
    fn note_disturbance(&self) {
        let lasts = self.later.iter().any(|(_, later)| matches!(later, Later::MendLinks | Later::Resume(_)));
        let until = if lasts { Duration::MAX } else { self.sim.now() + SETTLING };
        self.history.lock().shares.disturbed_until = until;
    }

    fn is_up(&self, index: usize) -> bool {
        self.cluster.nodes[index].is_running(self.sim)
    }

    fn lost(&mut self, index: usize, loss: Loss) {
        let id = self.cluster.nodes[index].id;
        let newest = self.newest.borrow();
        let broker = newest.as_ref().and_then(|published| published.image.cluster.brokers.get(&id));
        self.ended.insert(index, broker.map_or(-1, |broker| broker.epoch));
        drop(newest);
        self.recovering |= loss == Loss::Power;
        self.invariants.borrow_mut().lost(self.cluster.nodes[index].id, loss);
    }

    /// Whether a host that lost its power, and with it records, is not yet known to all as one that did. Until then the
    /// ISRs name it for what it has not: a process that ends now could make it a leader.
    fn is_recovering(&mut self) -> bool {
        self.recovering &= !self.is_whole();
        self.recovering
    }

    fn kill(&mut self) {
        if self.is_recovering() {
            return;
        }
        // Now and then all at once.
        let all = self.chance(10);
        let chosen = self.any_node();
        for index in 0..self.cluster.nodes.len() {
            if (index == chosen || all) && self.is_up(index) {
                self.say(format!("kill {}", index + 1));
                self.cluster.kill(self.sim, index);
                self.lost(index, Loss::Process);
                let after = self.millis(0, 8000);
                self.at(after, Later::Start(index));
            }
        }
    }

    fn blackout(&mut self) {
        self.say("blackout".to_owned());
        for index in 0..self.cluster.nodes.len() {
            self.cluster.power_off(self.sim, index);
            self.lost(index, Loss::Power);
            let after = self.millis(1000, 3000);
            self.at(after, Later::Start(index));
        }
    }

    /// Whether every partition has all its replicas in sync, in an image in which all brokers have registered anew whose
    /// process has ended: an older one may name them for what they are no more.
    pub fn is_whole(&self) -> bool {
        let newest = self.newest.borrow();
        let Some(published) = &*newest else { return false };
        let image = &published.image;
        let is_back = self.ended.iter().all(|(index, epoch_before)| {
            let broker = image.cluster.brokers.get(&self.cluster.nodes[*index].id);
            broker.is_some_and(|broker| broker.epoch > *epoch_before && !broker.fenced)
        });
        let all_up = self.cluster.nodes.iter().all(|node| {
            image.cluster.brokers.get(&node.id).is_some_and(|broker| !broker.fenced)
                && node.is_running(self.sim)
        });
        let in_sync = image.topics.iter().all(|topic| {
            topic.partitions.values().all(|p| p.isr.len() == p.replicas.len() && !p.is_reassigning())
        });
        is_back && all_up && in_sync
    }

    fn lose_power(&mut self) {
        // A disk that fails, or a node that is to stop, could take another process soon.
        let is_quiet =
            self.later.iter().all(|(_, later)| matches!(later, Later::MendLinks | Later::Resume(_)));
        if !self.is_whole() || !is_quiet {
            return;
        }
        let index = self.any_node();
        let id = self.cluster.nodes[index].id;
        self.say(format!("power off {id}"));
        self.cluster.power_off(self.sim, index);
        self.lost(index, Loss::Power);
        let after = self.millis(500, 15_000);
        self.at(after, Later::Start(index));
    }

    fn restart(&mut self) {
        if self.is_recovering() || self.later.iter().any(|(_, later)| matches!(later, Later::Stop(_))) {
            return;
        }
        let is_rolling = self.chance(40);
        let chosen = self.any_node();
        let mut after = Duration::ZERO;
        for index in 0..self.cluster.nodes.len() {
            if index == chosen || is_rolling {
                self.at(after, Later::Stop(index));
                after += self.millis(5000, 15_000);
            }
        }
    }

    fn pause(&mut self) {
        let index = self.any_node();
        if !self.is_up(index) || self.cluster.nodes[index].is_paused {
            return;
        }
        self.say(format!("pause {}", index + 1));
        self.cluster.pause(self.sim, index);
        let after = self.millis(100, 15_000);
        self.at(after, Later::Resume(index));
    }

    fn hosts(&self) -> Vec<Host> {
        self.cluster.nodes.iter().map(|node| node.host()).chain(self.clients.iter().copied()).collect()
    }

    /// Cuts a host, or a group of nodes, off from others, in one direction or both.
    fn partition(&mut self) {
        let cut = Link { is_cut: true, ..Link::default() };
        let inside: Vec<Host> =
            self.cluster.nodes.iter().map(|node| node.host()).filter(|_| self.chance(35)).collect();
        let with_clients = self.chance(50);
        let (inwards, outwards) = match self.entropy.below(4) {
            0 => (true, false),
            1 => (false, true),
            _ => (true, true),
        };
        let numbers: Vec<u8> = inside.iter().map(|host| host.0).collect();
        self.say(format!("cut off {numbers:?}, in {inwards}, out {outwards}, clients {with_clients}"));
        for other in self.hosts() {
            let is_client = self.clients.contains(&other);
            if inside.contains(&other) || is_client && !with_clients {
                continue;
            }
            for host in &inside {
                if inwards {
                    self.sim.set_link(other, *host, cut);
                }
                if outwards {
                    self.sim.set_link(*host, other, cut);
                }
            }
        }
        let after = self.millis(300, 12_000);
        self.at(after, Later::MendLinks);
    }

    /// Slow links, broken connections, connections that come twice.
    fn disturb_network(&mut self) {
        let hosts = self.hosts();
        if self.chance(40) {
            self.say("reset connections".to_owned());
            for (index, one) in hosts.iter().enumerate() {
                for other in &hosts[..index] {
                    if self.chance(50) {
                        self.sim.reset_connections(*one, *other);
                    }
                }
            }
            return;
        }
        self.say("slow links".to_owned());
        for from in &hosts {
            for to in &hosts {
                if self.chance(40) {
                    let delay = (self.millis(1, 20), self.millis(20, 800));
                    self.sim.set_link(*from, *to, Link { delay, duplicate_one_in: 4, ..Link::default() });
                }
            }
        }
        let after = self.millis(1000, 10_000);
        self.at(after, Later::MendLinks);
    }

    fn slow_disk(&mut self) {
        let index = self.any_node();
        self.say(format!("slow disk {}", index + 1));
        let sync = (self.millis(5, 50), self.millis(50, 1500));
        let write = (Duration::from_micros(10), self.millis(1, 20));
        let disk = &self.cluster.nodes[index].disk;
        disk.set_faults(Faults { sync, write, ..disk.faults() });
        let after = self.millis(1000, 15_000);
        self.at(after, Later::MendDisk(index));
    }

    fn bad_disk(&mut self) {
        if self.is_recovering() {
            return;
        }
        let index = self.any_node();
        let is_full = self.chance(50);
        self.say(format!("{} disk {}", if is_full { "full" } else { "failing" }, index + 1));
        let disk = &self.cluster.nodes[index].disk;
        let faults = disk.faults();
        disk.set_faults(match is_full {
            true => Faults { capacity_bytes: disk.used_bytes() + self.entropy.below(4096), ..faults },
            false => Faults { error_one_in: 20 + self.entropy.below(2000), ..faults },
        });
        let after = self.millis(500, 8000);
        self.at(after, Later::MendDisk(index));
    }

    /// A log directory of several fails, or all of them do: the one with the metadata log takes the node with it.
    fn fail_log_dir(&mut self) {
        if self.is_recovering() {
            return;
        }
        let index = self.any_node();
        let dirs = log_dirs(self.plan);
        let chosen = usize::try_from(self.entropy.below(dirs.len() as u64)).unwrap_or(0);
        self.say(format!("{} of node {} fails", dirs[chosen], index + 1));
        self.cluster.nodes[index].disk.fail_under(Some(PathBuf::from(&dirs[chosen])));
        let after = self.millis(500, 8000);
        self.at(after, Later::MendDisk(index));
    }

    fn skew_clock(&mut self) {
        let index = self.any_node();
        let bound = if self.chance(50) { 1000 } else { 3_600_000 };
        let skew =
            i64::try_from(self.entropy.below(2 * bound)).unwrap_or(0) - i64::try_from(bound).unwrap_or(0);
        self.say(format!("clock of {} ahead by {skew} ms", index + 1));
        self.sim.set_clock_skew_ms(self.cluster.nodes[index].host(), skew);
    }

    /// Does what is due, and has nodes that ended by themselves started again.
    fn mend_due(&mut self) -> Result<()> {
        let now = self.sim.now();
        let due: Vec<Later> =
            self.later.extract_if(.., |(at, _)| *at <= now).map(|(_, later)| later).collect();
        for later in due {
            match later {
                Later::Start(index) if !self.is_up(index) => {
                    self.say(format!("start {}", index + 1));
                    self.cluster.start(self.sim, index)?;
                }
                Later::Start(_) => {}
                Later::Stop(index) => {
                    self.say(format!("stop {}", index + 1));
                    self.cluster.stop(self.sim, index);
                }
                Later::Resume(index) => {
                    self.say(format!("resume {}", index + 1));
                    self.cluster.resume(self.sim, index);
                }
                Later::MendDisk(index) => {
                    self.say(format!("mend disk {}", index + 1));
                    self.mend_disk(index);
                    self.forgive(index);
                }
                Later::Forgive(index) => self.forgive(index),
                Later::MendLinks => self.mend_links(),
            }
            self.note_disturbance();
        }
        for index in 0..self.cluster.nodes.len() {
            let is_awaited = self.later.iter().any(|(_, later)| *later == Later::Start(index));
            if !self.is_up(index) && !is_awaited {
                self.say(format!("{} has ended", index + 1));
                self.lost(index, Loss::Process);
                let after = self.millis(100, 3000);
                self.at(after, Later::Start(index));
            }
        }
        Ok(())
    }

    /// A log directory that has failed stays offline until the node starts again.
    fn forgive(&mut self, index: usize) {
        if self.plan.log_dirs < 2 || !self.is_up(index) {
            return;
        }
        if self.is_recovering() {
            self.at(Duration::from_secs(1), Later::Forgive(index));
            return;
        }
        self.say(format!("kill {} for its log directories", index + 1));
        self.cluster.kill(self.sim, index);
        self.lost(index, Loss::Process);
        self.at(Duration::from_millis(500), Later::Start(index));
    }

    fn mend_disk(&self, index: usize) {
        let lies_about_sync = self.plan.special == Special::LyingDisks;
        let mut faults = Faults { lies_about_sync, ..Faults::default() };
        if self.plan.syncs_each && (self.plan.special == Special::Blackout || self.plan.nodes == 1) {
            // So that some sync is under way when the power goes.
            faults.sync = (Duration::from_millis(10), Duration::from_millis(200));
        }
        self.cluster.nodes[index].disk.set_faults(faults);
        self.cluster.nodes[index].disk.fail_under(None);
    }

    fn mend_links(&mut self) {
        self.say("mend links".to_owned());
        let hosts = self.hosts();
        for from in &hosts {
            for to in &hosts {
                self.sim.set_link(*from, *to, Link::default());
            }
        }
    }

    /// Before anything happens: disks as the plan has them.
    pub fn prepare(&self) {
        for index in 0..self.cluster.nodes.len() {
            self.mend_disk(index);
        }
    }

    /// Ends all harm.
    ///
    /// # Errors
    /// If a node cannot be started at all.
    pub fn heal(&mut self) -> Result<()> {
        self.say("heal".to_owned());
        self.later.clear();
        self.mend_links();
        self.note_disturbance();
        for index in 0..self.cluster.nodes.len() {
            self.mend_disk(index);
            self.cluster.resume(self.sim, index);
            self.sim.set_clock_skew_ms(self.cluster.nodes[index].host(), 0);
            if !self.is_up(index) {
                self.cluster.start(self.sim, index)?;
            } else if self.plan.log_dirs > 1 {
                let after = Duration::from_secs(2 * (index as u64 + 1));
                self.at(after, Later::Forgive(index));
            }
        }
        Ok(())
    }

    /// Lets time pass until `done` or for `limit`, without harm. Whether it was done.
    ///
    /// # Errors
    /// If a node cannot be started at all.
    pub fn rest(&mut self, limit: Duration, mut done: impl FnMut(&Self) -> bool) -> Result<bool> {
        let end = self.sim.now() + limit;
        while self.sim.now() < end && self.invariants.borrow().violations.is_empty() {
            self.sim.run_for(Duration::from_millis(100));
            self.mend_due()?;
            if done(self) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Nemesis<'_> {
    /// Brokers that are fenced and partitions that are not whole, in the newest image.
    pub fn describe(&self) -> String {
        let newest = self.newest.borrow();
        let Some(published) = &*newest else { return "no image".to_owned() };
        let image = &published.image;
        let fenced: Vec<i32> = self
            .cluster
            .nodes
            .iter()
            .map(|node| node.id)
            .filter(|id| image.cluster.brokers.get(id).is_none_or(|broker| broker.fenced))
            .collect();
        let mut partitions = Vec::new();
        for topic in image.topics.iter() {
            for (index, partition) in &topic.partitions {
                if partition.isr.len() != partition.replicas.len() || partition.is_reassigning() {
                    partitions.push(format!(
                        "{}-{index} leader {} epoch {} replicas {:?} isr {:?} elr {:?}",
                        topic.name,
                        partition.leader,
                        partition.leader_epoch,
                        partition.replicas,
                        partition.isr,
                        partition.elr
                    ));
                }
            }
        }
        format!("fenced {fenced:?}, not whole {partitions:?}")
    }
}
