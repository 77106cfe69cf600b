//! `exactly-once`: consume, transform, produce on three nodes, while members and brokers are killed.
//!
//! A producer writes records to a topic; three members of a group read them and write, for each, one that says where it
//! lay, in transactions with their positions. Members are killed, or stand still for longer than their session lasts and
//! then go on as if nothing had happened; brokers, which are controllers too, are killed. In the end every record of the
//! input must be in the output exactly once, in its order.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::load::{Producer, verify};
use crate::node::Product;
use crate::nodes::{Controllers, Nodes};
use crate::shell::{command, output, run, signal, target};
use crate::tally::Tally;
use crate::{setup, tools};

const INPUT: &str = "input";
const OUTPUT: &str = "output";
const PARTITIONS: u32 = 6;
/// Records a second of the input.
const RATE: &str = "500";
/// Longer than the session of a member (6 s).
const STANDSTILL: Duration = Duration::from_secs(8);
/// How long the output may need to be whole once nothing goes wrong any more.
const LIMIT: Duration = Duration::from_secs(180);

/// Whose consumer and producer the members are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Client {
    Java,
    Librdkafka,
    Klamm,
}

/// The group protocol of the members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Protocol {
    Classic,
    Consumer,
}

/// What a run is made of.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Plan {
    /// Minutes of kills, for each client
    #[arg(long, default_value_t = 10.0)]
    pub(crate) minutes: f64,
    /// Only this client (without it: one after the other)
    #[arg(long, value_enum)]
    pub(crate) client: Option<Client>,
    #[arg(long, value_enum, default_value = "consumer")]
    pub(crate) protocol: Protocol,
}

pub(crate) fn exactly_once(product: Product, plan: &Plan) -> Result<Tally> {
    product.prepare()?;
    setup::java_client()?;
    setup::python()?;
    let mut tally = Tally::default();
    for client in [Client::Java, Client::Librdkafka, Client::Klamm] {
        if plan.client.is_none_or(|only| only == client) {
            tally.note(&format!("{client:?}"), one(product, client, plan));
        }
    }
    Ok(tally)
}

/// The members, some of which may be dead at a moment.
struct Members {
    program: Box<dyn Fn(usize) -> Command>,
    log: PathBuf,
    running: Vec<Option<Child>>,
    /// How many have ended by themselves, because they were fenced.
    ended: u32,
}

impl Members {
    fn start(&mut self, slot: usize) -> Result<()> {
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        let mut program = (self.program)(slot);
        let child = program.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        self.running[slot] = Some(child.context("cannot start a member")?);
        Ok(())
    }

    fn kill(&mut self, slot: usize) -> Result<()> {
        if let Some(mut child) = self.running[slot].take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Starts those again that have ended by themselves.
    fn tend(&mut self) -> Result<()> {
        for slot in 0..self.running.len() {
            let has_ended = match &mut self.running[slot] {
                Some(child) => child.try_wait()?.is_some(),
                None => true,
            };
            if has_ended {
                self.ended += u32::from(self.running[slot].is_some());
                self.start(slot)?;
            }
        }
        Ok(())
    }
}

impl Drop for Members {
    fn drop(&mut self) {
        for slot in 0..self.running.len() {
            // Fails only for a process that has ended already.
            let _ended = self.kill(slot);
        }
    }
}

fn one(product: Product, client: Client, plan: &Plan) -> Result<()> {
    let settings = [
        ("broker.session.timeout.ms", "3000"),
        ("broker.heartbeat.interval.ms", "500"),
        ("group.consumer.min.session.timeout.ms", "6000"),
        ("group.consumer.session.timeout.ms", "6000"),
        ("group.consumer.min.heartbeat.interval.ms", "1000"),
        ("group.consumer.heartbeat.interval.ms", "1000"),
        ("transaction.abort.timed.out.transaction.cleanup.interval.ms", "1000"),
    ];
    let mut nodes = Nodes::start("exactly-once", Controllers::Combined, &[product; 3], &settings)?;
    for topic in [INPUT, OUTPUT] {
        nodes.create_topic(topic, PARTITIONS)?;
        nodes.wait_in_sync(topic)?;
    }
    let servers = nodes.servers();
    let folder = nodes.brokers[0].folder.clone();
    let mut members = Members {
        program: transformer(client, &servers, plan.protocol)?,
        log: folder.join("members.log"),
        running: vec![None, None, None],
        ended: 0,
    };
    members.tend()?;
    let load = tools::java_client(&["load", &servers, INPUT, RATE]);
    let mut producer = Producer::start(load, &folder.join("producer.log"))?;
    let deeds = break_things(&mut nodes, &mut members, Duration::from_secs_f64(plan.minutes * 60.0))?;
    let acks = producer.stop()?;
    verify(&servers, INPUT, &acks)?;
    let count = wait_until_whole(&servers, &mut members)?;
    println!(
        "{client:?}: {count} records, each exactly once; {deeds}; {} members ended by themselves",
        members.ended
    );
    drop(members);
    nodes.stop()
}

/// The program of a member, by its number.
fn transformer(client: Client, servers: &str, protocol: Protocol) -> Result<Box<dyn Fn(usize) -> Command>> {
    let protocol = format!("{protocol:?}").to_lowercase();
    let servers = servers.to_owned();
    let rest = move |slot: usize| {
        let name = format!("transformer-{slot}");
        [
            servers.clone(),
            INPUT.to_owned(),
            OUTPUT.to_owned(),
            "transformers".to_owned(),
            name,
            protocol.clone(),
        ]
    };
    Ok(match client {
        Client::Java => Box::new(move |slot| {
            let mut program = tools::java_client(&["transform"]);
            program.args(rest(slot));
            program
        }),
        Client::Librdkafka => Box::new(move |slot| {
            let mut program = tools::python("confluent_client.py");
            program.arg("transform").args(rest(slot));
            program
        }),
        Client::Klamm => {
            let build = ["build", "--quiet", "--package", "klamm-client", "--example", "exactly_once"];
            run(&mut command("cargo", &build))?;
            let binary = target().join("debug/examples/exactly_once");
            Box::new(move |slot| {
                let mut program = Command::new(&binary);
                program.args(rest(slot));
                program
            })
        }
    })
}

/// What was done to the cluster and the members.
#[derive(Default)]
struct Deeds {
    member_kills: u32,
    standstills: u32,
    broker_kills: u32,
}

impl std::fmt::Display for Deeds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { member_kills, standstills, broker_kills } = self;
        write!(f, "{member_kills} members killed, {standstills} stood still, {broker_kills} brokers killed")
    }
}

fn break_things(nodes: &mut Nodes, members: &mut Members, duration: Duration) -> Result<Deeds> {
    let started = Instant::now();
    let mut deeds = Deeds::default();
    let mut round = 0;
    // Everybody is to be at work before anything happens.
    sleep(Duration::from_secs(5));
    while started.elapsed() < duration {
        let slot = round / 4 % 3;
        match round % 4 {
            0 => {
                members.kill(slot)?;
                deeds.member_kills += 1;
            }
            1 => {
                kill_broker(nodes, round)?;
                deeds.broker_kills += 1;
            }
            2 => {
                stand_still(members, slot);
                deeds.standstills += 1;
            }
            _ => {
                members.kill((slot + 1) % 3)?;
                deeds.member_kills += 1;
                kill_broker(nodes, round)?;
                deeds.broker_kills += 1;
            }
        }
        // Between half a second and two and a half, different in every round.
        sleep(Duration::from_millis(500 + (round as u64 * 379) % 2000));
        members.tend()?;
        round += 1;
    }
    Ok(deeds)
}

/// Kills a broker, and starts it again once it is missed.
fn kill_broker(nodes: &mut Nodes, round: usize) -> Result<()> {
    let id = i32::try_from(round / 2 % 3 + 1)?;
    nodes.broker(id)?.kill()?;
    sleep(Duration::from_millis(700 + (round as u64 * 613) % 1500));
    nodes.broker(id)?.start()?;
    for topic in [INPUT, OUTPUT] {
        nodes.wait_in_sync(topic)?;
    }
    Ok(())
}

/// A member stands still until the group has gone on without it, and then goes on with what it had begun.
fn stand_still(members: &Members, slot: usize) {
    if let Some(child) = &members.running[slot] {
        signal(child.id(), "STOP");
        sleep(STANDSTILL);
        signal(child.id(), "CONT");
    }
}

/// Waits until the output has what the input has; the number of records.
fn wait_until_whole(servers: &str, members: &mut Members) -> Result<usize> {
    let input: BTreeSet<(String, String)> = read(servers, INPUT)?.into_values().flatten().collect();
    let started = Instant::now();
    loop {
        members.tend()?;
        let written = judge(&input, &read(servers, OUTPUT)?)?;
        if written == input.len() {
            return Ok(written);
        }
        if started.elapsed() > LIMIT {
            bail!("{} of {} records are not in the output", input.len() - written, input.len());
        }
        sleep(Duration::from_secs(2));
    }
}

/// What a `read_committed` reader sees of a topic, by partition, in its order: for the input the key and the place of
/// each record, for the output the key and the value, which is that place.
fn read(servers: &str, topic: &str) -> Result<BTreeMap<i32, Vec<(String, String)>>> {
    let text = output(&mut tools::java_client(&["committed", servers, topic]))?;
    let mut partitions: BTreeMap<i32, Vec<(String, String)>> = BTreeMap::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let [_, partition, offset, _, key, value] = fields[..] else { bail!("not a record: {line}") };
        let place = if topic == INPUT { format!("{partition}-{offset}") } else { value.to_owned() };
        partitions.entry(partition.parse()?).or_default().push((key.to_owned(), place));
    }
    Ok(partitions)
}

/// Nothing is in the output that is not in the input, or twice, or out of order. How much is there.
fn judge(input: &BTreeSet<(String, String)>, output: &BTreeMap<i32, Vec<(String, String)>>) -> Result<usize> {
    let mut seen = BTreeSet::new();
    for (partition, records) in output {
        let mut last = -1;
        for record in records {
            let (key, place) = record;
            ensure!(input.contains(record), "{key} of {place} is in the output, and not in the input");
            ensure!(seen.insert(record), "{key} of {place} is in the output twice");
            let (from, offset) = place.split_once('-').context("not a place")?;
            let offset: i64 = offset.parse()?;
            ensure!(from == partition.to_string() && offset > last, "{key} of {place} is out of order");
            last = offset;
        }
    }
    Ok(seen.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_is_there_once_and_in_order() {
        let record = |offset: i32| (format!("key-{offset}"), format!("0-{offset}"));
        let input: BTreeSet<_> = (0..4).map(record).collect();
        let of = |offsets: &[i32]| {
            judge(&input, &BTreeMap::from([(0, offsets.iter().copied().map(record).collect())]))
        };
        assert_eq!(of(&[0, 1, 2, 3]).unwrap(), 4);
        assert_eq!(of(&[0, 1]).unwrap(), 2);
        for (wrong, why) in
            [(&[0, 1, 1][..], "twice"), (&[0, 2, 1], "out of order"), (&[0, 9], "not in the input")]
        {
            assert!(of(wrong).unwrap_err().to_string().contains(why), "{why}");
        }
    }
}
