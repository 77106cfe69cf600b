//! Topics of other kinds than records that only add up: one that transactions are written to, and one that is compacted.

use std::collections::{BTreeSet, HashMap};
use std::fs;

use anyhow::{Context, Result, ensure};

use super::LIMIT;
use crate::clients::members::{parse, wait_until};
use crate::load::{Ack, Producer};
use crate::nodes::Nodes;
use crate::shell::output;
use crate::tools;

pub(super) const TRANSACTIONAL: &str = "mixed-transactional";
const COMPACTED: &str = "mixed-compacted";
const PARTITIONS: u32 = 3;
/// Keys of the compacted topic.
const KEYS: u32 = 50;
/// Records a second in transactions, of which every third is aborted, and records a second that replace others.
const RATE: &str = "100";

/// What brokers are started with, so that they clean often.
pub(super) const SETTINGS: &[(&str, &str)] = &[("log.cleaner.backoff.ms", "1000")];

/// Who writes to them.
pub(super) struct Kinds {
    transactions: Producer,
    replacements: Producer,
}

impl Kinds {
    pub(super) fn start(nodes: &Nodes) -> Result<Self> {
        nodes.create_topic(TRANSACTIONAL, PARTITIONS)?;
        let configs = ["cleanup.policy=compact", "segment.ms=2000", "min.cleanable.dirty.ratio=0.01"];
        nodes.create_topic_with(COMPACTED, PARTITIONS, &configs)?;
        for topic in [TRANSACTIONAL, COMPACTED] {
            nodes.wait_in_sync(topic)?;
        }
        let (servers, log) = (nodes.servers(), nodes.brokers[0].folder.join("kinds.log"));
        let program = |arguments: &[&str]| Producer::start(tools::java_client(arguments), &log);
        Ok(Self {
            transactions: program(&["transact", &servers, TRANSACTIONAL, RATE])?,
            replacements: program(&["upsert", &servers, COMPACTED, RATE, &KEYS.to_string()])?,
        })
    }

    /// Waits until a transaction more is committed, and another record replaced.
    pub(super) fn wait_for_progress(&self) -> Result<()> {
        let (committed, replaced) = (self.transactions.count(), self.replacements.count());
        wait_until(LIMIT, || Ok(self.transactions.count() > committed)).context("no transaction commits")?;
        wait_until(LIMIT, || Ok(self.replacements.count() > replaced))
            .context("the compacted topic takes nothing")
    }

    /// Stops who writes, and checks what is there, on brokers that all run.
    pub(super) fn finish(&mut self, nodes: &Nodes) -> Result<()> {
        let committed = self.transactions.stop().context("transactions")?;
        let replaced = self.replacements.stop().context("replacements")?;
        only_committed(nodes, &committed)?;
        only_latest(nodes, &replaced)?;
        cleaned(nodes, &replaced)
    }
}

/// A reader of what is committed gets every record of the transactions that were, and nothing else.
fn only_committed(nodes: &Nodes, acks: &[Ack]) -> Result<()> {
    let text = output(&mut tools::java_client(&["committed", &nodes.servers(), TRANSACTIONAL]))?;
    let mut read = BTreeSet::new();
    for line in text.lines() {
        let one = parse(line)?;
        ensure!(read.insert((one.index, one.partition, one.offset)), "key-{} is there twice", one.index);
    }
    let acked: BTreeSet<_> = acks.iter().map(|ack| (ack.index, ack.partition, ack.offset)).collect();
    let missing = acked.difference(&read).next();
    ensure!(missing.is_none(), "committed and not there: {missing:?}");
    let added = read.difference(&acked).next();
    ensure!(added.is_none(), "there and never committed: {added:?}");
    println!("{TRANSACTIONAL}: {} records of committed transactions, no others", acked.len());
    Ok(())
}

/// The latest record of a key is the last one that was acknowledged.
fn only_latest(nodes: &Nodes, acks: &[Ack]) -> Result<()> {
    let text = output(&mut tools::java_client(&["seek", &nodes.servers(), COMPACTED, "0"]))?;
    let mut latest: HashMap<u32, (i64, u32)> = HashMap::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let [_, _, offset, _, key, value] = fields[..] else { anyhow::bail!("not a record: {line:.80}") };
        let key: u32 = key.strip_prefix("key-").context("key")?.parse()?;
        let index: u32 = value.get(..8).context("value")?.parse()?;
        let found = (offset.parse()?, index);
        let known = latest.entry(key).or_insert(found);
        *known = found.max(*known);
    }
    let mut wanted: HashMap<u32, (i64, u32)> = HashMap::new();
    for ack in acks {
        let known = wanted.entry(ack.index % KEYS).or_insert((ack.offset, ack.index));
        *known = (ack.offset, ack.index).max(*known);
    }
    for (key, last) in &wanted {
        ensure!(
            latest.get(key) == Some(last),
            "key-{key}: {last:?} came last, {:?} is there",
            latest.get(key)
        );
    }
    println!("{COMPACTED}: {} records acknowledged, the latest of {} keys there", acks.len(), wanted.len());
    Ok(())
}

/// Every broker, of either product, has cleaned its replicas: they hold much less than was written.
fn cleaned(nodes: &Nodes, acks: &[Ack]) -> Result<()> {
    let values: u64 = acks.iter().map(|ack| 8 * (1 + u64::from(ack.index) % 12)).sum();
    let held = || nodes.brokers.iter().map(|broker| bytes(&broker.data())).collect::<Result<Vec<_>>>();
    let is_clean = || Ok(held()?.iter().all(|held| held * 2 < values));
    wait_until(LIMIT, is_clean)
        .with_context(|| format!("{values} bytes of values were written, brokers hold {:?}", held()))?;
    println!("{COMPACTED}: {values} bytes of values written, brokers hold {:?} of records", held()?);
    Ok(())
}

/// Bytes of the compacted topic's segments in a directory.
fn bytes(data: &std::path::Path) -> Result<u64> {
    let mut sum = 0;
    for index in 0..PARTITIONS {
        let folder = data.join(format!("{COMPACTED}-{index}"));
        for entry in fs::read_dir(&folder).with_context(|| format!("{}", folder.display()))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "log") {
                // A cleaner may have put it away meanwhile.
                sum += fs::metadata(&path).map_or(0, |metadata| metadata.len());
            }
        }
    }
    Ok(sum)
}
