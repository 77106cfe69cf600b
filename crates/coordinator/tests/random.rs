//! Random commands: nothing panics, the log tells the state, no request is answered twice, and in the end, when
//! everybody is gone, every request has been answered.

mod harness;

use harness::{Harness, parse};
use klamm_coordinator::GroupSettings;
use std::collections::BTreeSet;

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

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

/// The member ids that the coordinator has given out so far.
#[derive(Default)]
struct Members(Vec<String>);

impl Members {
    fn learn(&mut self, line: &str) {
        let ids: BTreeSet<&str> =
            line.split([' ', '[', ']', ':']).filter(|word| word.contains('#')).collect();
        for id in ids {
            if !self.0.iter().any(|known| known == id) {
                self.0.push(id.to_owned());
            }
        }
    }

    /// Mostly one of the latest, who are the likeliest to be members still.
    fn pick(&self, random: &mut Random) -> String {
        let latest = &self.0[self.0.len().saturating_sub(6)..];
        if latest.is_empty() || random.below(10) == 0 {
            "-".into()
        } else {
            latest[random.below(latest.len())].clone()
        }
    }
}

fn command(random: &mut Random, members: &Members) -> String {
    let group = random.pick(&["g", "g", "g", "h", "-"]);
    let member = members.pick(random);
    let other = members.pick(random);
    let generation = random.below(6);
    let instance = random.pick(&["", "", "", "instance=a", "instance=b"]);
    let offset = random.below(100);
    match random.below(34) {
        30..=32 => {
            let (group, member) = (random.pick(&["s", "s", "g"]), random.pick(&["p", "q", "r"]));
            let topics = random.pick(&["", "topics=t", "topics=t,u"]);
            match random.below(3) {
                0 => format!("share {group} {member} 0 topics={}", random.pick(&["t", "u"])),
                1 => format!("share {group} {member} {} {topics}", random.below(12)),
                _ => format!("share {group} {member} -1"),
            }
        }
        33 => random
            .pick(&[
                "initialized s t-0 t-1",
                "initialized s t-0 u-0",
                "not-initialized s t-1",
                "alter-share-offsets s t-0:3 u-0:4",
                "delete-share-offsets s t u",
                "deleted-share-offsets s t",
                "begin-delete-group s",
                "delete-group s",
                "drop-topic u",
                "describe-shares s",
            ])
            .to_owned(),
        24..=27 => {
            let (member, owned) = (random.pick(&["p", "q", "r"]), random.pick(&["", "-", "t-0", "t-0 t-1"]));
            let topics = random.pick(&["", "topics=t", "topics=t,u", "regex=t|u"]);
            let kind = random.pick(&["0 - topics=t rebalance=5000", "0 - topics=t rebalance=5000", "-1"]);
            match random.below(3) {
                0 => format!("consume {group} {member} {kind} {instance}"),
                _ => format!("consume {group} {member} {generation} {owned} {topics} {instance}"),
            }
        }
        28 => format!("topic {} {}", random.pick(&["t", "u"]), 1 + random.below(4)),
        29 => random
            .pick(&["describe-consumers g", "list types=consumer", "fetch g member=p epoch=2"])
            .to_owned(),
        0..=3 => {
            let version = random.pick(&["v=9", "v=8", "v=3", "v=0"]);
            let protocols =
                random.pick(&["protocols=range", "protocols=range,sticky", "protocols=sticky,range"]);
            format!("join {group} - {version} {protocols} {instance} rebalance=7000")
        }
        4..=8 => {
            let (topics, owned) = (random.pick(&["t", "t,u", ""]), random.pick(&["", "owned=t-0"]));
            format!("join {group} {member} {instance} topics={topics} {owned}")
        }
        9..=12 => {
            let (one, two) = (random.pick(&["x", "t-0", "t-0+t-1"]), random.pick(&["y", "t-0", "t-1"]));
            format!("sync {group} {member} {generation} {other}:{one} {member}:{two} {instance}")
        }
        13..=14 => format!("heartbeat {group} {member} {generation} {instance}"),
        15 => format!("leave {group} {member} {instance}"),
        16 => format!("commit {group} t 0 {offset} member={member} generation={generation}"),
        17 => format!("commit {group} {} 0 {offset}", random.pick(&["t", "u"])),
        18 => format!("fetch {group} stable={}", random.pick(&["true", "false"])),
        19 => format!("advance {}", random.pick(&["0", "100", "3000", "11000", "500000"])),
        20 => random.pick(&["hold", "release", "reload", "fail NOT_LEADER_OR_FOLLOWER", "list"]).to_owned(),
        21 => {
            random.pick(&["delete-group g", "delete-offset g t 0", "delete-topic t", "describe g"]).to_owned()
        }
        22 => format!("txn-commit {group} t 0 {offset} producer={}", random.below(3)),
        _ => format!("end-txn {} {}", random.below(3), random.pick(&["commit", "abort"])),
    }
}

#[test]
fn random_commands_do_no_harm() {
    for seed in 0..300 {
        let mut random = Random(seed);
        let settings = GroupSettings {
            classic_initial_rebalance_delay_ms: 50,
            classic_size_max: 4,
            offsets_retention_ms: 600_000,
            ..GroupSettings::default()
        };
        let mut harness = Harness::new(settings);
        let mut members = Members::default();
        for _ in 0..150 {
            let command = command(&mut random, &members);
            parse::run(&mut harness, &command);
            harness.check();
            for line in std::mem::take(&mut harness.output) {
                members.learn(&line);
            }
        }
        harness.commit();
        harness.advance(3_600_000);
        harness.check();
        assert!(harness.open.is_empty(), "seed {seed}: never answered: {:?}", harness.open);
    }
}
