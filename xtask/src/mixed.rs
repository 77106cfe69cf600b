//! `mixed`: Klamm and Apache Kafka 4.3.1 in one cluster.
//!
//! Under an idempotent producer with acks=all and a member of a group, leadership is moved between the products: by
//! orderly stops, by kills, by elections, and partitions wander from broker to broker; or every node is replaced by one of
//! the other product on the same directories under the same id, and back again; or active controllers go until nodes of
//! both products were one. In the end every acknowledged record is where its acknowledgement said, none is
//! there twice, those of a partition are in order, the member has read all of them, and the replicas of a partition are
//! the same byte for byte. Meanwhile another producer writes transactions, every third of which it aborts, and one replaces
//! records of a compacted topic: in the end a reader of committed records gets all that were committed and no other, and
//! every broker holds the latest record of each key and has cleaned the rest.

mod kinds;
mod quorum;
mod replicas;
mod wander;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use self::kinds::Kinds;
use crate::clients::members::{Member, wait_until};
use crate::load::{Ack, Producer, verify};
use crate::node::Product::{self, Kafka, Klamm};
use crate::nodes::{Controllers, Nodes};
use crate::shell::output;
use crate::tally::Tally;
use crate::{setup, tools};

const TOPIC: &str = "mixed";
const PARTITIONS: u32 = 3;
/// Records a second.
const RATE: &str = "500";
const LIMIT: Duration = Duration::from_secs(90);

/// A cluster and what is done to it.
struct Scenario {
    name: &'static str,
    controllers: Controllers,
    brokers: [Product; 3],
    steps: Steps,
}

/// What is done to a cluster.
#[derive(Clone, Copy)]
enum Steps {
    /// Brokers go, and leaderships of partitions move.
    MoveLeaders,
    /// Every broker is replaced by one of the other product, and back.
    Roll,
    /// Active controllers go until each node was one.
    ElectControllers,
}

const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "under-klamm",
        controllers: Controllers::Apart(Klamm),
        brokers: [Klamm, Kafka, Kafka],
        steps: Steps::MoveLeaders,
    },
    Scenario {
        name: "under-kafka",
        controllers: Controllers::Apart(Kafka),
        brokers: [Kafka, Klamm, Klamm],
        steps: Steps::MoveLeaders,
    },
    Scenario {
        name: "rolling-brokers",
        controllers: Controllers::Apart(Kafka),
        brokers: [Kafka, Kafka, Kafka],
        steps: Steps::Roll,
    },
    Scenario {
        name: "rolling",
        controllers: Controllers::Combined,
        brokers: [Kafka, Kafka, Kafka],
        steps: Steps::Roll,
    },
    Scenario {
        name: "quorum",
        controllers: Controllers::Combined,
        brokers: [Kafka, Klamm, Klamm],
        steps: Steps::ElectControllers,
    },
];

/// Runs the scenarios of these names, all without any.
pub(crate) fn mixed(names: &[String], rounds: u32) -> Result<Tally> {
    Klamm.prepare()?;
    Kafka.prepare()?;
    setup::java_client()?;
    let mut tally = Tally::default();
    let wanted = |scenario: &&Scenario| names.is_empty() || names.iter().any(|name| name == scenario.name);
    for scenario in SCENARIOS.iter().filter(wanted) {
        println!("-- {}", scenario.name);
        match run(scenario, rounds) {
            Ok(()) => tally.note(scenario.name, Ok(())),
            Err(error) => {
                eprintln!("{error:#}");
                tally.note(scenario.name, Err(error));
            }
        }
    }
    ensure!(tally.passed + tally.failed > 0, "there is no such scenario");
    Ok(tally)
}

fn run(scenario: &Scenario, rounds: u32) -> Result<()> {
    let name = format!("mixed-{}", scenario.name);
    let mut nodes = Nodes::start(&name, scenario.controllers, &scenario.brokers, kinds::SETTINGS)?;
    nodes.create_topic(TOPIC, PARTITIONS)?;
    nodes.wait_in_sync(TOPIC)?;
    let mut clients = Clients::start(&nodes)?;
    let done = match scenario.steps {
        Steps::Roll => roll(&mut nodes, &clients),
        Steps::ElectControllers => quorum::elect(&mut nodes, &clients),
        Steps::MoveLeaders => (0..rounds)
            .try_for_each(|round| {
                move_leaders(&mut nodes, &clients, round).with_context(|| format!("round {round}"))
            })
            .and_then(|()| wander::wander(&nodes)),
    };
    let checked = clients.finish(&nodes);
    done?;
    checked?;
    nodes.wait_in_sync(TOPIC)?;
    nodes.stop()?;
    replicas::compare(&nodes, TOPIC, PARTITIONS)?;
    replicas::compare(&nodes, kinds::TRANSACTIONAL, PARTITIONS)
}

/// Each broker goes once, in turns in an orderly way and killed, and then gets its leaderships back.
fn move_leaders(nodes: &mut Nodes, clients: &Clients, round: u32) -> Result<()> {
    for id in 1..=3 {
        let is_kill = (round + id as u32).is_multiple_of(2);
        clients.wait_for_progress().with_context(|| format!("before broker {id} goes"))?;
        let broker = nodes.broker(id)?;
        let product = broker.product;
        let gone = Instant::now();
        if is_kill {
            broker.kill()?
        } else {
            broker.stop()?
        };
        wait_until(LIMIT, || {
            let partitions = nodes.partitions(TOPIC)?;
            Ok(partitions.iter().all(|partition| partition.leader > 0 && partition.leader != id))
        })
        .with_context(|| format!("broker {id} is gone and still leads"))?;
        let led = gone.elapsed();
        clients.wait_for_progress().with_context(|| format!("without broker {id}"))?;
        nodes.broker(id)?.start()?;
        wait_in_sync(nodes)?;
        let how = if is_kill { "killed" } else { "stopped" };
        println!("broker {id} ({product:?}) {how}: others lead after {} ms", led.as_millis());
        elect_preferred(nodes)?;
        wait_until(LIMIT, || {
            Ok(nodes.partitions(TOPIC)?.iter().all(|p| p.replicas.first() == Some(&p.leader)))
        })
        .context("the preferred replicas do not lead")?;
    }
    clients.wait_for_progress()
}

fn wait_in_sync(nodes: &Nodes) -> Result<()> {
    for topic in [TOPIC, kinds::TRANSACTIONAL, "__consumer_offsets"] {
        nodes.wait_in_sync(topic)?;
    }
    Ok(())
}

fn elect_preferred(nodes: &Nodes) -> Result<()> {
    let servers = nodes.servers();
    let arguments =
        ["--bootstrap-server", &servers, "--election-type", "preferred", "--all-topic-partitions"];
    output(&mut tools::kafka("org.apache.kafka.tools.LeaderElectionCommand", &arguments)).map(drop)
}

/// Replaces every broker by the other product on the same directories, one by one, and back.
fn roll(nodes: &mut Nodes, clients: &Clients) -> Result<()> {
    for product in [Klamm, Kafka] {
        for id in 1..=3 {
            replace(nodes, clients, id, product)
                .with_context(|| format!("broker {id} becomes {product:?}"))?;
        }
    }
    Ok(())
}

fn replace(nodes: &mut Nodes, clients: &Clients, id: i32, product: Product) -> Result<()> {
    clients.wait_for_progress().context("before")?;
    let broker = nodes.broker(id)?;
    broker.stop()?;
    broker.product = product;
    let took = broker.start()?;
    wait_in_sync(nodes)?;
    elect_preferred(nodes)?;
    println!("broker {id} is {product:?}, started in {:.1} s", took.as_secs_f64());
    clients.wait_for_progress().context("after")
}

/// Who writes and reads while things happen.
struct Clients {
    producer: Producer,
    member: Member,
    kinds: Kinds,
}

impl Clients {
    fn start(nodes: &Nodes) -> Result<Self> {
        let folder = &nodes.brokers[0].folder;
        let (servers, log) = (nodes.servers(), folder.join("clients.log"));
        let producer = Producer::start(tools::java_client(&["load", &servers, TOPIC, RATE]), &log)?;
        let member = Member::start(tools::java_client(&["group", &servers, "readers", TOPIC]), &log)?;
        let clients = Self { producer, member, kinds: Kinds::start(nodes)? };
        clients.wait_for_progress().context("at the start")?;
        Ok(clients)
    }

    /// Waits until records are acknowledged on every partition, and read.
    fn wait_for_progress(&self) -> Result<()> {
        let (since, read) = (self.producer.count(), self.member.count());
        let acknowledged = || {
            let acks = self.producer.acks();
            let partitions: HashSet<i32> = acks.iter().skip(since).map(|ack| ack.partition).collect();
            Ok(partitions.len() == PARTITIONS as usize)
        };
        wait_until(LIMIT, acknowledged).context("not every partition takes records")?;
        wait_until(LIMIT, || Ok(self.member.count() > read)).context("nothing is read")?;
        self.kinds.wait_for_progress()
    }

    fn finish(&mut self, nodes: &Nodes) -> Result<()> {
        let acks = self.producer.stop()?;
        let kinds = self.kinds.finish(nodes);
        verify(&nodes.servers(), TOPIC, &acks)?;
        kinds?;
        let complete = wait_until(LIMIT, || Ok(self.unread(&acks).is_empty()));
        let unread = self.unread(&acks);
        self.member.stop()?;
        self.member.check_fault()?;
        complete
            .with_context(|| format!("{} acknowledged records were not read: {unread:.200?}", unread.len()))
    }

    fn unread(&self, acks: &[Ack]) -> Vec<(i32, i64)> {
        let read: HashSet<_> = self.member.reads().iter().map(|read| (read.partition, read.offset)).collect();
        acks.iter().map(|ack| (ack.partition, ack.offset)).filter(|place| !read.contains(place)).collect()
    }
}
