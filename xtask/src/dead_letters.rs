//! `dead-letters`: every record that a share group rejects is in its dead-letter queue, though the node is killed again
//! and again while they go there.
//!
//! The commands are those of `docs/dead-letter-queues.md`, so that what stands there works.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::clients::members::wait_until;
use crate::node::{Node, Product, klamm_binary};
use crate::shell::output;
use crate::tally::Tally;

const RECORDS: u32 = 20_000;
const TOPIC: &str = "orders";
const QUEUE: &str = "dlq.orders";
const GROUP: &str = "workers";
/// How long everything may take to get to the queue once the node is not killed any more.
const LIMIT: Duration = Duration::from_secs(120);

/// Kills the node `rounds` times.
pub(crate) fn dead_letters(rounds: u32) -> Result<Tally> {
    let product = Product::Klamm;
    product.prepare()?;
    // A broker that comes back after a kill waits until the session of its former self has ended.
    let settings = [("broker.session.timeout.ms", "1000"), ("broker.heartbeat.interval.ms", "200")];
    let mut node = Node::create(product, "dead-letters", &settings)?;
    node.start()?;
    let mut tally = Tally::default();
    tally.note("topics and group", set_up(&node));
    tally.note("kill and start", reject_while_killed(&mut node, rounds));
    tally.note("every record is in the queue", verify(&node));
    tally.note("orderly stop", node.stop());
    Ok(tally)
}

fn klamm(node: &Node, arguments: &[&str]) -> Command {
    let mut command = Command::new(klamm_binary());
    command.arg(arguments[0]).args(["--bootstrap-server", &node.servers()]).args(&arguments[1..]);
    command.current_dir(&node.folder).stdin(Stdio::null());
    command
}

fn set_up(node: &Node) -> Result<()> {
    output(&mut klamm(node, &["topics", "--create", "--topic", TOPIC, "--partitions", "3"]))?;
    let enable = "errors.deadletterqueue.group.enable=true";
    output(&mut klamm(
        node,
        &["topics", "--create", "--topic", QUEUE, "--partitions", "2", "--config", enable],
    ))?;
    let configs = format!(
        "errors.deadletterqueue.topic.name={QUEUE},errors.deadletterqueue.copy.record.enable=true,share.auto.offset.reset=earliest"
    );
    let alter =
        ["configs", "--alter", "--entity-type", "groups", "--entity-name", GROUP, "--add-config", &configs];
    output(&mut klamm(node, &alter))?;
    let mut producer = klamm(node, &["console-producer", "--topic", TOPIC]);
    let mut producer = producer.stdin(Stdio::piped()).spawn().context("cannot start the producer")?;
    let mut input = producer.stdin.take().context("the producer has no input")?;
    for number in 0..RECORDS {
        writeln!(input, "{number}")?;
    }
    drop(input);
    let status = producer.wait()?;
    ensure!(status.success(), "the producer ended with {status}");
    Ok(())
}

/// A consumer that rejects everything; killed when dropped.
struct Rejecter(Child);

impl Rejecter {
    fn start(node: &Node) -> Result<Self> {
        let log = OpenOptions::new().create(true).append(true).open(node.folder.join("consumer.log"))?;
        let consume = ["console-share-consumer", "--topic", TOPIC, "--group", GROUP, "--reject"];
        let mut consumer = klamm(node, &consume);
        let child = consumer.stdout(log.try_clone()?).stderr(log).spawn();
        Ok(Self(child.context("cannot start the consumer")?))
    }

    /// Starts it anew if it has ended, as it may when its broker is gone for long.
    fn tend(&mut self, node: &Node) -> Result<()> {
        if self.0.try_wait()?.is_some() {
            *self = Self::start(node)?;
        }
        Ok(())
    }
}

impl Drop for Rejecter {
    fn drop(&mut self) {
        if let Err(error) = self.0.kill().and_then(|()| self.0.wait()) {
            eprintln!("cannot stop the consumer: {error}");
        }
    }
}

fn reject_while_killed(node: &mut Node, rounds: u32) -> Result<()> {
    let mut consumer = Rejecter::start(node)?;
    for round in 0..rounds {
        // Some have got there, and more are on their way.
        let before = count(node)?;
        wait_until(LIMIT, || Ok(count(node)? > before || before >= RECORDS))?;
        println!("{} of {RECORDS} records in the queue, then a kill", count(node)?);
        node.kill()?;
        node.start().with_context(|| format!("round {round}"))?;
        consumer.tend(node)?;
    }
    let started = Instant::now();
    let mut found = 0;
    while started.elapsed() < LIMIT {
        found = count(node)?;
        if found >= RECORDS && copied(node)?.len() as u32 == RECORDS {
            return Ok(());
        }
        consumer.tend(node)?;
        sleep(Duration::from_millis(200));
    }
    bail!("{found} records in the queue after {LIMIT:?}, some perhaps twice, of {RECORDS}")
}

/// How many records the queue has.
fn count(node: &Node) -> Result<u32> {
    let ends = output(&mut klamm(node, &["get-offsets", "--topic", QUEUE]))?;
    let ends = ends.lines().filter_map(|line| line.rsplit(':').next());
    Ok(ends.filter_map(|end| end.trim().parse::<u32>().ok()).sum())
}

/// The values of the queue's records, each with where the headers say that it came from, and how often.
fn copied(node: &Node) -> Result<BTreeMap<(String, String, String), u32>> {
    let mut consume =
        klamm(node, &["console-consumer", "--topic", QUEUE, "--from-beginning", "--timeout-ms", "10000"]);
    consume.args(["--formatter-property", "print.headers=true"]);
    let mut copied = BTreeMap::new();
    for line in output(&mut consume)?.lines() {
        let (headers, value) = line.rsplit_once('\t').with_context(|| format!("no headers: {line}"))?;
        let header = |name: &str| {
            let mut found = headers.split(',').filter_map(|header| header.split_once(':'));
            found.find(|(key, _)| key == &name).map_or("", |(_, value)| value).to_owned()
        };
        ensure!(header("__dlq.errors.topic") == TOPIC && header("__dlq.errors.group") == GROUP, "{line}");
        ensure!(header("__dlq.errors.message") == "Offset rejected by client.", "{line}");
        let from = (header("__dlq.errors.partition"), header("__dlq.errors.offset"), value.to_owned());
        *copied.entry(from).or_default() += 1;
    }
    Ok(copied)
}

fn verify(node: &Node) -> Result<()> {
    let copied = copied(node)?;
    let mut values: Vec<u32> = copied.keys().filter_map(|(.., value)| value.parse().ok()).collect();
    values.sort_unstable();
    let missing: Vec<u32> = (0..RECORDS).filter(|number| values.binary_search(number).is_err()).collect();
    ensure!(missing.is_empty(), "{} records are missing, the first is {:?}", missing.len(), missing.first());
    ensure!(copied.len() as u32 == RECORDS, "{} places for {RECORDS} records", copied.len());
    let twice = copied.values().filter(|count| **count > 1).count();
    println!("{RECORDS} records, of which {twice} are there more than once");
    Ok(())
}
