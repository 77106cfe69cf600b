//! `disk`: a data directory goes from Klamm to Apache Kafka 4.3.1 and back.
//!
//! Each server must serve what the other has written (records with their offsets and timestamps, topics with their
//! configs, groups with their offsets) and go on from there, and after each `kafka-dump-log` must find no fault.

mod dump;

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::clients::members::{Member, wait_until};
use crate::clients::wall_ms;
use crate::node::{Node, Product};
use crate::shell::output;
use crate::tally::Tally;
use crate::tools;
use crate::wire;

/// Topics with their configs, codec and first index of their records.
const TOPICS: &[(&str, &str, &str, u32)] = &[
    ("plain", "segment.bytes=1048576", "none", 0),
    ("zipped", "compression.type=gzip", "none", 100_000),
    ("passed-through", "retention.ms=-1", "zstd", 200_000),
    ("compacted", "cleanup.policy=compact", "lz4", 300_000),
];
const GROUP: &str = "readers";
/// Records that each server adds to each topic.
const RECORDS: u32 = 20_000;

/// Takes the directory from `first` to `second` and back.
pub(crate) fn disk(first: Product, second: Product) -> Result<Tally> {
    first.prepare()?;
    second.prepare()?;
    crate::setup::java_client()?;
    let mut tally = Tally::default();
    let mut node = Node::create(first, "disk", &[])?;
    let mut before = Served::default();
    // Two hours back: neither of the future nor old enough for retention.
    let base = (wall_ms() - 7_200_000).to_string();
    for (turn, product) in [first, second, first].into_iter().enumerate() {
        node.product = product;
        let name = format!("turn {turn} ({product:?})");
        match take_turn(&mut node, turn as u32, &base, &before) {
            Ok(served) => before = served,
            Err(error) => {
                tally.note(&name, Err(error));
                break;
            }
        }
        tally.note(&name, Ok(()));
        tally.note(&format!("{name}: kafka-dump-log"), dump::check(&node.data()));
    }
    Ok(tally)
}

/// What a server answers about its data.
#[derive(Default)]
struct Served {
    /// The lines of every record, sorted.
    records: Vec<String>,
    /// `kafka-topics --describe`, sorted.
    topics: Vec<String>,
}

/// Starts the server, compares what it serves with what the one before did, and adds to it.
fn take_turn(node: &mut Node, turn: u32, base: &str, before: &Served) -> Result<Served> {
    node.start()?;
    if turn == 0 {
        for (topic, config, _, _) in TOPICS {
            let arguments = ["--create", "--topic", topic, "--partitions", "3", "--config", config];
            topics_tool(node, &arguments).context("create the topics")?;
        }
    } else {
        compare("records", &before.records, &records(node)?)?;
        compare("topics", &before.topics, &topics(node)?)?;
    }
    read_new_records(node, turn, base)?;
    let served = Served { records: records(node)?, topics: topics(node)? };
    ensure!(served.records.len() == ((turn + 1) * RECORDS) as usize * TOPICS.len(), "records are missing");
    node.stop()?;
    Ok(served)
}

/// A member of the group comes back: nothing old, all of what is then written.
fn read_new_records(node: &Node, turn: u32, base: &str) -> Result<()> {
    let names: Vec<_> = TOPICS.iter().map(|(topic, ..)| *topic).collect();
    let mut member = Member::start(
        tools::java_client(&["group", &node.servers(), GROUP, &names.join(",")]),
        &node.folder.join("member.log"),
    )?;
    wait_until(Duration::from_secs(60), || {
        Ok(wire::group_state(node.port, GROUP).is_ok_and(|state| state == ("Stable".to_owned(), 1)))
    })
    .context("the group was never stable")?;
    for (topic, _, codec, start) in TOPICS {
        let first = start + turn * RECORDS;
        let (from, end) = (first.to_string(), (first + RECORDS).to_string());
        output(&mut tools::java_client(&["produce", &node.servers(), topic, codec, &from, &end, base]))?;
    }
    let expected = RECORDS as usize * TOPICS.len();
    let complete = wait_until(Duration::from_secs(120), || Ok(member.count() >= expected));
    member.stop()?;
    member.check_fault()?;
    complete.with_context(|| format!("the group read {} of {expected} new records", member.count()))?;
    ensure!(member.count() == expected, "the group read {} records, {expected} are new", member.count());
    let fresh = |index: u32| (turn * RECORDS..(turn + 1) * RECORDS).contains(&(index % 100_000));
    ensure!(
        member.reads().iter().all(|read| fresh(read.index)),
        "the group read records that it had committed"
    );
    Ok(())
}

fn records(node: &Node) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for (topic, ..) in TOPICS {
        let text = output(&mut tools::java_client(&["seek", &node.servers(), topic, "0"]))?;
        all.extend(text.lines().map(str::to_owned));
    }
    all.sort();
    Ok(all)
}

fn topics(node: &Node) -> Result<Vec<String>> {
    let mut lines: Vec<_> = topics_tool(node, &["--describe"])?.lines().map(str::to_owned).collect();
    lines.sort();
    Ok(lines)
}

fn topics_tool(node: &Node, arguments: &[&str]) -> Result<String> {
    let mut tool =
        tools::kafka("org.apache.kafka.tools.TopicCommand", &["--bootstrap-server", &node.servers()]);
    output(tool.args(arguments))
}

fn compare(what: &str, before: &[String], now: &[String]) -> Result<()> {
    let lost: Vec<_> = before.iter().filter(|line| now.binary_search(line).is_err()).take(3).collect();
    let new: Vec<_> = now.iter().filter(|line| before.binary_search(line).is_err()).take(3).collect();
    ensure!(lost.is_empty() && new.is_empty(), "{what} differ: lost {lost:?}, new {new:?}");
    ensure!(before.len() == now.len(), "{what}: {} before, {} now", before.len(), now.len());
    Ok(())
}
