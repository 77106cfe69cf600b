//! `clients`: unmodified clients of other projects against the server under test (see tests/clients/README.md).
//!
//! Each client must end with exactly the set of records that was written: with each codec, in a group of three of which
//! one member is killed, after coming back to the group, and after a seek by timestamp.

pub(crate) mod members;

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};

use crate::node::{Node, Product, klamm_binary};
use crate::setup;
use crate::shell::{command, output, root};
use crate::tally::Tally;
use crate::tools;
use crate::wire;
use members::{Member, Read, wait_until};

const ALL_CODECS: &[&str] = &["none", "gzip", "snappy", "lz4", "zstd"];
const PARTITIONS: &str = "6";
/// Indexes of the records of each codec start at a multiple of this, so that an index tells the topic.
const CODEC_STRIDE: u32 = 1_000_000;
/// Records per topic that are written for the member that comes back.
const EXTRA: u32 = 1_000;
const READ_LIMIT: Duration = Duration::from_secs(180);

/// One client program.
struct Client {
    name: &'static str,
    codecs: &'static [&'static str],
    /// Whether the client lets the application say a record's timestamp.
    sets_timestamps: bool,
    setup: fn() -> Result<()>,
    program: fn() -> Command,
}

const CLIENTS: &[Client] = &[
    Client {
        name: "kcat",
        codecs: ALL_CODECS,
        sets_timestamps: false,
        setup: setup::kcat,
        program: || script("tests/clients/kcat.sh"),
    },
    Client {
        name: "confluent-kafka",
        codecs: ALL_CODECS,
        sets_timestamps: true,
        setup: setup::python,
        program: || tools::python("confluent_client.py"),
    },
    Client {
        name: "java",
        codecs: ALL_CODECS,
        sets_timestamps: true,
        setup: setup::java_client,
        program: || tools::java_client(&[]),
    },
    Client {
        name: "java-tools",
        codecs: ALL_CODECS,
        sets_timestamps: false,
        setup: setup::kafka,
        program: || script("tests/clients/tools.sh"),
    },
    Client {
        name: "franz-go",
        codecs: ALL_CODECS,
        sets_timestamps: true,
        setup: setup::go,
        program: || command(&setup::clients().join("go/client").to_string_lossy(), &[]),
    },
    Client {
        name: "kafkajs",
        codecs: &["none", "gzip", "snappy"],
        sets_timestamps: true,
        setup: setup::node,
        program: || {
            let mut node = command("node", &[]);
            node.arg(root().join("tests/clients/node/client.js")).current_dir(setup::clients().join("node"));
            node
        },
    },
    Client {
        name: "aiokafka",
        codecs: ALL_CODECS,
        sets_timestamps: true,
        setup: setup::python,
        program: || tools::python("aiokafka_client.py"),
    },
    Client {
        name: "klamm-tools",
        codecs: ALL_CODECS,
        sets_timestamps: false,
        setup: || Product::Klamm.prepare(),
        program: || {
            let mut tools = script("tests/clients/tools.sh");
            tools.env("KLAMM", klamm_binary());
            tools
        },
    },
];

fn script(path: &str) -> Command {
    command(&root().join(path).to_string_lossy(), &[])
}

/// Runs the named clients, or all, with `records` records for each codec.
pub(crate) fn clients(product: Product, names: &[String], records: u32) -> Result<Tally> {
    if let Some(unknown) = names.iter().find(|name| CLIENTS.iter().all(|client| client.name != name.as_str()))
    {
        let known: Vec<_> = CLIENTS.iter().map(|client| client.name).collect();
        bail!("no client is called {unknown}; there are: {}", known.join(", "));
    }
    ensure!((2..CODEC_STRIDE - EXTRA).contains(&records), "{records} records are out of range");
    product.prepare()?;
    let mut node = Node::create(product, "clients", &[])?;
    node.start()?;
    let mut tally = Tally::default();
    for client in
        CLIENTS.iter().filter(|client| names.is_empty() || names.iter().any(|name| name == client.name))
    {
        let started = Instant::now();
        let result = (client.setup)().and_then(|()| Run::new(client, &node, records).all(&mut tally));
        println!("{:<16} {:>5.1} s", client.name, started.elapsed().as_secs_f64());
        if let Err(error) = result {
            tally.note(client.name, Err(error));
        }
    }
    node.stop()?;
    Ok(tally)
}

/// One client's way through all of it.
struct Run<'a> {
    client: &'a Client,
    node: &'a Node,
    records: u32,
    /// The timestamp of record 0, in milliseconds since 1970.
    base: i64,
    topics: Vec<String>,
}

impl<'a> Run<'a> {
    fn new(client: &'a Client, node: &'a Node, records: u32) -> Self {
        let topics = client.codecs.iter().map(|codec| format!("{}-{codec}", client.name)).collect();
        // Two hours back, so that no record is of the future.
        Self { client, node, records, base: wall_ms() - 7_200_000, topics }
    }

    fn all(&self, tally: &mut Tally) -> Result<()> {
        for topic in &self.topics {
            self.call(&["create", &self.node.servers(), topic, PARTITIONS]).context("create")?;
        }
        let middle = self.group_of_three().context("group of three")?;
        tally.passed += 1;
        self.resume().context("resume")?;
        tally.passed += 1;
        self.seek(middle).context("seek by timestamp")?;
        tally.passed += 1;
        Ok(())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut program = (self.client.program)();
        program.args(arguments);
        program
    }

    fn call(&self, arguments: &[&str]) -> Result<String> {
        output(&mut self.command(arguments))
    }

    fn member(&self) -> Result<Member> {
        let (group, topics) = (self.group(), self.topics.join(","));
        let log = self.node.folder.join(format!("{}.log", self.client.name));
        Member::start(self.command(&["group", &self.node.servers(), &group, &topics]), &log)
    }

    fn group(&self) -> String {
        format!("group-{}", self.client.name)
    }

    /// The indexes of a codec's records from the `first` to the `end` of them.
    fn indexes(&self, codec: usize, first: u32, end: u32) -> std::ops::Range<u32> {
        let start = codec as u32 * CODEC_STRIDE;
        start + first..start + end
    }

    /// Writes the records `first` to `end` (exclusive) of every codec.
    fn produce(&self, first: u32, end: u32) -> Result<()> {
        for (at, codec) in self.client.codecs.iter().enumerate() {
            let range = self.indexes(at, first, end);
            let (from, to, base) = (range.start.to_string(), range.end.to_string(), self.base.to_string());
            self.call(&["produce", &self.node.servers(), &self.topics[at], codec, &from, &to, &base])
                .with_context(|| format!("produce with {codec}"))?;
        }
        Ok(())
    }

    fn wait_for_members(&self, count: i32) -> Result<()> {
        wait_until(Duration::from_secs(60), || {
            let state = wire::group_state(self.node.port, &self.group());
            Ok(state.is_ok_and(|state| state == ("Stable".to_owned(), count)))
        })
        .with_context(|| format!("the group never was stable with {count} members"))
    }

    /// Three members read what is written, one is killed; the wall clock between the two halves.
    fn group_of_three(&self) -> Result<i64> {
        let mut members = [self.member()?, self.member()?, self.member()?];
        self.wait_for_members(3)?;
        let half = self.records / 2;
        self.produce(0, half)?;
        wait_until(READ_LIMIT, || Ok(members.iter().all(|member| member.count() > 0)))
            .context("not every member was given records")?;
        members[0].kill()?;
        std::thread::sleep(Duration::from_millis(20));
        let middle = wall_ms();
        self.produce(half, self.records)?;
        let expected = self.client.codecs.len() * self.records as usize;
        let complete = wait_until(READ_LIMIT, || {
            Ok(members.iter().map(Member::count).sum::<usize>() >= expected
                && distinct(&members).len() >= expected)
        });
        for member in &mut members[1..] {
            member.stop()?;
        }
        complete.with_context(|| format!("{} of {expected} records were read", distinct(&members).len()))?;
        self.compare(&members, |run, codec| run.indexes(codec, 0, run.records))?;
        Ok(middle)
    }

    /// One member comes back to the group: nothing of the old, all of the new.
    fn resume(&self) -> Result<()> {
        let mut members = [self.member()?];
        self.wait_for_members(1)?;
        self.produce(self.records, self.records + EXTRA)?;
        let expected = self.client.codecs.len() * EXTRA as usize;
        let complete = wait_until(READ_LIMIT, || Ok(members[0].count() >= expected));
        std::thread::sleep(Duration::from_millis(300));
        members[0].stop()?;
        complete.with_context(|| format!("{} of {expected} records were read", members[0].count()))?;
        ensure!(
            members[0].count() == expected,
            "{} records were read, {expected} are new",
            members[0].count()
        );
        self.compare(&members, |run, codec| run.indexes(codec, run.records, run.records + EXTRA))
    }

    /// The second half of the last codec's records, found by its timestamp.
    fn seek(&self, middle: i64) -> Result<()> {
        let last = self.client.codecs.len() - 1;
        let expected = self.indexes(last, self.records / 2, self.records + EXTRA);
        let at = if self.client.sets_timestamps { self.base + i64::from(expected.start) } else { middle };
        let text = self.call(&["seek", &self.node.servers(), &self.topics[last], &at.to_string()])?;
        let reads = text.lines().map(members::parse).collect::<Result<Vec<_>>>()?;
        ensure!(
            reads.len() == expected.len(),
            "{} records from {at} on, not {}",
            reads.len(),
            expected.len()
        );
        for read in &reads {
            ensure!(expected.contains(&read.index), "key-{} was read, which is older", read.index);
            ensure!(
                read.timestamp >= at,
                "key-{} has the timestamp {} before {at}",
                read.index,
                read.timestamp
            );
        }
        Ok(())
    }

    /// Every record that was to be read was read, nothing else, and a record read twice was the same record.
    fn compare(
        &self,
        members: &[Member],
        range: impl Fn(&Self, usize) -> std::ops::Range<u32>,
    ) -> Result<()> {
        let mut seen: BTreeMap<u32, Read> = BTreeMap::new();
        let mut places = BTreeMap::new();
        for member in members {
            member.check_fault()?;
            for read in &member.reads() {
                let before = seen.insert(read.index, read.clone());
                ensure!(
                    before.is_none_or(|before| before == *read),
                    "key-{} was read as two records",
                    read.index
                );
                let place = (read.index / CODEC_STRIDE, read.partition, read.offset);
                let before = places.insert(place, read.index);
                ensure!(
                    before.is_none_or(|index| index == read.index),
                    "two records at one offset: {place:?}"
                );
                if self.client.sets_timestamps {
                    ensure!(
                        read.timestamp == self.base + i64::from(read.index),
                        "timestamp of key-{}",
                        read.index
                    );
                }
            }
        }
        let expected = (0..self.client.codecs.len()).flat_map(|codec| range(self, codec));
        let missing: Vec<_> = expected.clone().filter(|index| !seen.contains_key(index)).take(5).collect();
        ensure!(missing.is_empty(), "missing: {missing:?}");
        ensure!(
            seen.len() == expected.count(),
            "{} records were read, some of them never written",
            seen.len()
        );
        Ok(())
    }
}

/// The indexes that any of the members has read.
fn distinct(members: &[Member]) -> std::collections::BTreeSet<u32> {
    members
        .iter()
        .flat_map(|member| member.reads().iter().map(|read| read.index).collect::<Vec<_>>())
        .collect()
}

/// Milliseconds since 1970.
pub(crate) fn wall_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}
