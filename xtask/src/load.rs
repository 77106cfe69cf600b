//! Programs that write without pause, what was acknowledged to them, and whether all of it is there.

use std::collections::{BTreeMap, HashMap};
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};

use crate::clients::members::parse;
use crate::shell::{output, signal};
use crate::tools;

/// An acknowledgement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ack {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    /// Index of the record.
    pub(crate) index: u32,
    /// When it came.
    pub(crate) at: Instant,
}

/// A program that writes until it is told to stop, and what was acknowledged to it.
pub(crate) struct Producer {
    child: Child,
    reader: Option<JoinHandle<Result<()>>>,
    acks: Arc<Mutex<Vec<Ack>>>,
}

impl Producer {
    pub(crate) fn start(mut program: Command, log: &Path) -> Result<Self> {
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

    pub(crate) fn count(&self) -> usize {
        self.acks().len()
    }

    /// What was acknowledged so far.
    pub(crate) fn acks(&self) -> MutexGuard<'_, Vec<Ack>> {
        self.acks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops it with SIGTERM, upon which it waits for what is under way; all acknowledgements.
    pub(crate) fn stop(&mut self) -> Result<Vec<Ack>> {
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
        Ok(std::mem::take(&mut *self.acks()))
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
    Some(Ack { partition, offset, index, at: Instant::now() })
}

/// Reads the topic: every acknowledged record is where its acknowledgement said, none is there twice, and those of each
/// partition are in order and without holes.
pub(crate) fn verify(servers: &str, topic: &str, acks: &[Ack]) -> Result<()> {
    let text = output(&mut tools::java_client(&["seek", servers, topic, "0"]))?;
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
    for Ack { partition, offset, index, .. } in acks {
        let found = partitions.get(partition).and_then(|records| records.get(offset));
        ensure!(
            found == Some(index),
            "key-{index}, acknowledged at {partition}:{offset}: {found:?} is there"
        );
    }
    println!("{topic}: {} records acknowledged, {} there", acks.len(), places.len());
    Ok(())
}
