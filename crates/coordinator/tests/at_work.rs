//! Consumers of both protocols at work in one group, while members come, go and come back with the other protocol, the
//! topic grows, writes fail and the coordinator changes: when all that has ended, every partition is with one of them.

mod harness;

use harness::{Harness, parse};
use klamm_coordinator::GroupSettings;
use std::collections::{BTreeMap, BTreeSet};

/// Whatever happens, a group has found its way by then: longer than the sessions and rebalances of all clients.
const SETTLING_S: i64 = 150;
/// After some time without disturbance there are a few more, with nothing after them that would mend what they break.
const CALM_S: i64 = 60;
const FINALE_S: i64 = 4;

/// A small generator (splitmix64), so that a seed says everything.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }
}

/// The coordinator, and what it has answered.
struct World {
    harness: Harness,
    requests: u64,
    replies: BTreeMap<u64, String>,
    trace: Vec<String>,
    now_s: i64,
    partitions: i32,
}

impl World {
    fn run(&mut self, command: &str) {
        self.trace.push(format!("{}s > {command}", self.now_s));
        parse::run(&mut self.harness, command);
        for line in self.harness.output.drain(..) {
            self.trace.push(line.clone());
            if let Some((number, reply)) = line.split_once(": ").filter(|_| !line.starts_with('+')) {
                self.replies.insert(number.parse().expect("a number"), reply.to_owned());
            }
        }
    }

    /// The number of the request.
    fn send(&mut self, command: &str) -> u64 {
        self.requests += 1;
        self.run(command);
        self.requests
    }

    /// For requests that are answered at once.
    fn ask(&mut self, command: &str) -> String {
        let number = self.send(command);
        self.replies.remove(&number).expect("an answer")
    }

    fn grow(&mut self, partitions: i32) {
        self.partitions = partitions;
        self.run(&format!("topic t {partitions}"));
    }
}

/// What a client of the classic protocol is at.
enum Phase {
    Out,
    Joining(u64),
    Syncing(u64),
    In,
}

struct Client {
    is_classic: bool,
    instance: Option<usize>,
    id: String,
    /// Or generation.
    epoch: i32,
    owned: BTreeSet<String>,
    phase: Phase,
    /// How many partitions the topic had when it led an assignment.
    seen: Option<i32>,
    /// How many it had when the client asked to join.
    knew: i32,
    /// What it has is to be told.
    tells: bool,
    next_s: i64,
    /// It acts from then on.
    starts_s: i64,
    /// Somebody has taken its place.
    is_fenced: bool,
}

impl Client {
    fn new(number: usize, is_classic: bool, instance: Option<usize>, starts_s: i64) -> Self {
        Self {
            starts_s,
            is_classic,
            instance,
            id: if is_classic { "-".to_owned() } else { format!("m{number}") },
            epoch: 0,
            owned: BTreeSet::new(),
            phase: Phase::Out,
            seen: None,
            knew: 0,
            tells: false,
            next_s: 0,
            is_fenced: false,
        }
    }

    fn instance(&self) -> String {
        self.instance.map(|number| format!(" instance=i{number}")).unwrap_or_default()
    }

    fn act(&mut self, world: &mut World) {
        match self.phase {
            _ if self.is_fenced || world.now_s < self.starts_s => {}
            _ if !self.is_classic => self.consume(world),
            Phase::Out => self.join(world),
            Phase::Joining(number) => {
                if let Some(reply) = world.replies.remove(&number) {
                    self.joined(&reply, world);
                }
            }
            Phase::Syncing(number) => {
                if let Some(reply) = world.replies.remove(&number) {
                    self.synced(&reply);
                }
            }
            Phase::In if self.seen.is_some_and(|seen| seen != world.partitions) => self.join(world),
            Phase::In => self.heartbeat(world),
        }
    }

    fn join(&mut self, world: &mut World) {
        self.owned.clear();
        self.knew = world.partitions;
        let rest = self.instance();
        let number = world.send(&format!("join g {} session=10000 rebalance=20000{rest}", self.id));
        self.phase = Phase::Joining(number);
    }

    fn joined(&mut self, reply: &str, world: &mut World) {
        let mut words = reply.split(' ');
        if words.next() != Some("OK") {
            if let Some(id) = reply.strip_prefix("MEMBER_ID_REQUIRED ") {
                id.clone_into(&mut self.id);
            }
            return self.refused(reply);
        }
        words.next().expect("an id").clone_into(&mut self.id);
        self.epoch = words.nth(1).expect("a generation").parse().expect("a number");
        let leads = words.nth(2) == Some(self.id.as_str());
        let skips = reply.ends_with("skip assignment");
        // What it knows of the topic is no newer than what the coordinator knew; otherwise nobody can help it.
        self.seen = leads.then_some(if skips { self.knew } else { world.partitions });
        let members: Vec<&str> = words.skip(1).take_while(|word| *word != "skip").collect();
        let mut line = format!("sync g {} {}{}", self.id, self.epoch, self.instance());
        if leads && !skips {
            for (at, member) in members.iter().enumerate() {
                let own = (0..world.partitions).filter(|index| *index as usize % members.len() == at);
                let own: Vec<_> = own.map(|index| format!("t-{index}")).collect();
                line.push_str(&format!(" {member}:{}", own.join("+")));
            }
        }
        self.phase = Phase::Syncing(world.send(&line));
    }

    fn synced(&mut self, reply: &str) {
        let Some(rest) = reply.strip_prefix("OK ") else { return self.refused(reply) };
        let partitions = rest.split_once(' ').map(|(_, partitions)| partitions).unwrap_or_default();
        self.owned = partitions.split('+').filter(|word| word.contains('-')).map(str::to_owned).collect();
        self.phase = Phase::In;
    }

    fn heartbeat(&mut self, world: &mut World) {
        if world.now_s < self.next_s {
            return;
        }
        self.next_s = world.now_s + 3;
        let reply = world.ask(&format!("heartbeat g {} {}{}", self.id, self.epoch, self.instance()));
        let is_told =
            ["REBALANCE", "ILLEGAL", "UNKNOWN", "FENCED"].iter().any(|word| reply.starts_with(word));
        if is_told {
            self.refused(&reply);
        }
    }

    fn refused(&mut self, reply: &str) {
        self.phase = Phase::Out;
        self.is_fenced = reply.starts_with("FENCED");
        if reply.starts_with("UNKNOWN_MEMBER_ID") {
            "-".clone_into(&mut self.id);
        }
    }

    fn consume(&mut self, world: &mut World) {
        if world.now_s < self.next_s && !self.tells {
            return;
        }
        self.next_s = world.now_s + 5;
        let owned = match std::mem::take(&mut self.tells) {
            _ if self.epoch == 0 => " - topics=t rebalance=20000".to_owned(),
            false => String::new(),
            true if self.owned.is_empty() => " -".to_owned(),
            true => self.owned.iter().fold(String::new(), |line, partition| line + " " + partition),
        };
        let reply = world.ask(&format!("consume g {} {}{owned}{}", self.id, self.epoch, self.instance()));
        let Some(rest) = reply.strip_prefix("OK epoch ") else {
            let must_rejoin = ["FENCED_MEMBER", "UNKNOWN_MEMBER", "GROUP_ID"];
            if must_rejoin.iter().any(|word| reply.starts_with(word)) {
                self.owned.clear();
                self.epoch = 0;
                self.next_s = world.now_s + 1;
            }
            self.is_fenced = reply.starts_with("FENCED_INSTANCE");
            self.tells = self.epoch != 0;
            return;
        };
        let mut words = rest.split(' ');
        self.epoch = words.next().expect("an epoch").parse().expect("a number");
        if words.next().is_some() {
            let owned: BTreeSet<_> = words.filter(|word| word.contains('-')).map(str::to_owned).collect();
            self.tells = owned != self.owned;
            self.owned = owned;
        }
    }

    /// Goes, in good order or not.
    fn stop(self, is_graceful: bool, comes_back: bool, world: &mut World) {
        let rest = self.instance();
        let is_static = self.instance.is_some();
        match (is_graceful, self.is_classic) {
            (true, true) if !is_static && self.id != "-" => {
                world.send(&format!("leave g {}", self.id));
            }
            (true, false) if self.epoch != 0 => {
                let epoch = if is_static && comes_back { -2 } else { -1 };
                world.send(&format!("consume g {} {epoch}{rest}", self.id));
            }
            _ => {}
        }
    }
}

/// What happens beside what the clients do by themselves.
fn disturb(
    random: &mut Random,
    one_of: usize,
    clients: &mut Vec<Client>,
    started: &mut usize,
    world: &mut World,
) {
    let chosen = if clients.is_empty() { None } else { Some(random.below(clients.len())) };
    let is_classic = random.below(2) == 0;
    let starts_s = world.now_s + random.below(8) as i64;
    match (random.below(one_of), chosen) {
        (0..=2, _) if clients.len() < 4 => {
            let free = (0..3).find(|number| clients.iter().all(|client| client.instance != Some(*number)));
            let instance = free.filter(|_| random.below(3) != 0);
            *started += 1;
            clients.push(Client::new(*started, is_classic, instance, starts_s));
        }
        (3, Some(chosen)) => {
            clients.remove(chosen).stop(random.below(2) == 0, false, world);
        }
        (4..=6, Some(chosen)) => {
            let before = clients.remove(chosen);
            let instance = before.instance;
            before.stop(random.below(4) != 0, true, world);
            *started += 1;
            clients.push(Client::new(*started, is_classic, instance, starts_s));
        }
        (7, _) if world.partitions < 8 => world.grow(world.partitions + 1),
        (8..=11, _) => world.run("reload"),
        (12, _) => world.run("fail NOT_ENOUGH_REPLICAS"),
        _ => {}
    }
}

#[test]
fn every_partition_is_with_a_member_in_the_end() {
    for seed in 0..1400 {
        let mut random = Random(seed);
        let mut settings = GroupSettings::default();
        settings.consumer_timing.assignment_interval_ms = [0, 1000, 20_000][random.below(3)];
        settings.consumer_migration.downgrades = random.below(4) != 0;
        let mut world = World {
            harness: Harness::new(settings),
            requests: 0,
            replies: BTreeMap::new(),
            trace: Vec::new(),
            now_s: 0,
            partitions: 0,
        };
        world.grow(3);
        let (mut clients, mut started) = (Vec::new(), 0);
        let busy_s = 20 + random.below(100) as i64;
        let finale_s = busy_s + CALM_S;
        while world.now_s < finale_s + FINALE_S + SETTLING_S {
            let is_finale = (finale_s..finale_s + FINALE_S).contains(&world.now_s);
            if world.now_s < busy_s || is_finale {
                let one_of = if is_finale { 14 } else { 30 };
                disturb(&mut random, one_of, &mut clients, &mut started, &mut world);
            } else if clients.iter().all(|client| client.is_fenced) {
                started += 1;
                clients.push(Client::new(started, random.below(2) == 0, None, 0));
            }
            clients.iter_mut().for_each(|client| client.act(&mut world));
            world.now_s += 1;
            world.run("advance 1000");
        }
        world.harness.check();
        let owned: Vec<_> =
            clients.iter().filter(|client| !client.is_fenced).flat_map(|client| &client.owned).collect();
        let mut sorted = owned.clone();
        sorted.sort();
        let all: Vec<_> = (0..world.partitions).map(|index| format!("t-{index}")).collect();
        let is_right = sorted.into_iter().eq(all.iter());
        assert!(
            is_right,
            "seed {seed}: of {} partitions {owned:?}\n{}",
            world.partitions,
            world.trace.join("\n")
        );
    }
}
