//! `crash`: kill -9 under load, again and again.
//!
//! Two idempotent producers (librdkafka and Java) write without pause while the node is killed and started. In the end
//! every acknowledged record must be at the offset that the acknowledgement named, no record may be there twice, each
//! producer's records must be in order, and the offsets must have no holes.

use std::collections::{BTreeMap, HashMap};
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};

use crate::clients::members::{parse, wait_until};
use crate::node::{Node, Product};
use crate::shell::{output, signal};
use crate::tally::Tally;
use crate::{setup, tools};

/// Records a second of each producer.
const RATE: &str = "2000";
const ACK_LIMIT: Duration = Duration::from_secs(60);

/// An acknowledgement: partition, offset, index of the record.
type Ack = (i32, i64, u32);

/// Kills the node `rounds` times.
pub(crate) fn crash(product: Product, rounds: u32) -> Result<Tally> {
    product.prepare()?;
    setup::java_client()?;
    setup::python()?;
    // A broker that comes back after a kill waits until the session of its former self has ended.
    let settings = [("broker.session.timeout.ms", "1000"), ("broker.heartbeat.interval.ms", "200")];
    let mut node = Node::create(product, "crash", &settings)?;
    node.start()?;
    for topic in ["librdkafka", "java"] {
        output(&mut tools::java_client(&["create", &node.servers(), topic, "3"]))?;
    }
    let mut python = tools::python("confluent_client.py");
    python.args(["load", &node.servers(), "librdkafka", RATE]);
    let log = node.folder.join("producers.log");
    let mut producers = [
        Producer::start(python, &log)?,
        Producer::start(tools::java_client(&["load", &node.servers(), "java", RATE]), &log)?,
    ];
    let killed = kill_again_and_again(&mut node, &producers, rounds);
    let mut tally = Tally::default();
    tally.note("kill and start", killed);
    for (producer, topic) in producers.iter_mut().zip(["librdkafka", "java"]) {
        tally.note(topic, producer.stop().and_then(|acks| verify(&node, topic, &acks)));
    }
    tally.note("orderly stop", node.stop());
    Ok(tally)
}

fn kill_again_and_again(node: &mut Node, producers: &[Producer], rounds: u32) -> Result<()> {
    let mut slowest = Duration::ZERO;
    for round in 0..rounds {
        let before: Vec<_> = producers.iter().map(Producer::count).collect();
        wait_until(ACK_LIMIT, || {
            Ok(producers.iter().zip(&before).all(|(producer, before)| producer.count() > *before))
        })
        .with_context(|| format!("round {round}: no acknowledgements after the start"))?;
        // Between 0.1 and 1.1 seconds of writing, different in every round.
        sleep(Duration::from_millis(100 + u64::from(round) * 379 % 1000));
        node.kill()?;
        slowest = slowest.max(node.start().with_context(|| format!("round {round}"))?);
    }
    println!("{rounds} kills, slowest start {:.1} s", slowest.as_secs_f64());
    Ok(())
}

/// A program that writes until it is told to stop, and what was acknowledged to it.
struct Producer {
    child: Child,
    reader: Option<JoinHandle<Result<()>>>,
    acks: Arc<Mutex<Vec<Ack>>>,
}

impl Producer {
    fn start(mut program: Command, log: &Path) -> Result<Self> {
        // Clients say a lot about every lost connection.
        let log = OpenOptions::new().create(true).append(true).open(log)?;
        let mut child =
            program.stdout(Stdio::piped()).stderr(log).spawn().context("cannot start a producer")?;
        let stdout = child.stdout.take().context("the output is piped")?;
        let acks = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&acks);
        let reader = thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                let line = line?;
                let ack = parse_ack(&line).ok_or_else(|| anyhow!("not an acknowledgement: {line}"))?;
                shared.lock().unwrap_or_else(PoisonError::into_inner).push(ack);
            }
            Ok(())
        });
        Ok(Self { child, reader: Some(reader), acks })
    }

    fn count(&self) -> usize {
        self.acks.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Stops it with SIGTERM, upon which it waits for what is under way; all acknowledgements.
    fn stop(&mut self) -> Result<Vec<Ack>> {
        signal(self.child.id(), "TERM");
        let asked = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if asked.elapsed() > Duration::from_secs(130) {
                bail!("the producer did not end");
            }
            sleep(Duration::from_millis(50));
        };
        // 143: a JVM that ended by SIGTERM after its hook had run.
        ensure!(matches!(status.code(), Some(0 | 143)), "the producer ended with {status}");
        if let Some(reader) = self.reader.take() {
            reader.join().map_err(|_| anyhow!("the reader panicked"))??;
        }
        Ok(std::mem::take(&mut self.acks.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        // Both fail only for a process that has ended already.
        let _ended = self.child.kill();
        let _waited = self.child.wait();
    }
}

fn parse_ack(line: &str) -> Option<Ack> {
    let mut fields = line.split(' ');
    let partition = fields.next()?.parse().ok()?;
    let offset = fields.next()?.parse().ok()?;
    let index = fields.next()?.strip_prefix("key-")?.parse().ok()?;
    Some((partition, offset, index))
}

fn verify(node: &Node, topic: &str, acks: &[Ack]) -> Result<()> {
    let text = output(&mut tools::java_client(&["seek", &node.servers(), topic, "0"]))?;
    let mut partitions: BTreeMap<i32, BTreeMap<i64, u32>> = BTreeMap::new();
    let mut places: HashMap<u32, (i32, i64)> = HashMap::new();
    for line in text.lines() {
        let read = parse(line)?;
        let here = (read.partition, read.offset);
        partitions.entry(read.partition).or_default().insert(read.offset, read.index);
        if let Some(before) = places.insert(read.index, here) {
            bail!("key-{} is there twice: at {before:?} and {here:?}", read.index);
        }
    }
    for (partition, records) in &partitions {
        let holes = records.keys().zip(0..).find(|(offset, expected)| **offset != *expected);
        ensure!(holes.is_none(), "partition {partition} has a hole at {holes:?}");
        let in_order = records.values().zip(records.values().skip(1)).all(|(earlier, later)| earlier < later);
        ensure!(in_order, "partition {partition} has records out of order");
    }
    for (partition, offset, index) in acks {
        let found = partitions.get(partition).and_then(|records| records.get(offset));
        ensure!(
            found == Some(index),
            "key-{index}, acknowledged at {partition}:{offset}: {found:?} is there"
        );
    }
    println!("{topic}: {} records acknowledged, {} there", acks.len(), places.len());
    Ok(())
}
