//! What coordinators do, beside Kafka's: transactions, groups of a thousand members, share groups, and loading.

use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::measure::{cpu_seconds, number_before};
use super::results::Figures;
use super::{Size, create, produce};
use crate::node::{Node, Product};
use crate::shell::{command, output, run, target};
use crate::tools;

/// A group, and a partition for each of its members.
const MEMBERS: &str = "1000";
/// Offsets, and transactional ids, that are loaded.
const LOADED: &str = "1000000";
const LOAD_LIMIT: Duration = Duration::from_secs(120);

/// Transactions, groups and share groups on one fresh node.
pub(super) fn at_work(product: Product, size: &Size) -> Result<Figures> {
    let mut figures = Figures::default();
    let settings = [&super::SETTINGS[..], &[("offsets.topic.num.partitions", "1")]].concat();
    let mut node = Node::create(product, "bench", &settings)?;
    node.set_environment("KAFKA_JVM", super::KAFKA_JVM);
    node.start()?;
    super::transactions(&node, &mut figures)?;
    groups(&node, &mut figures)?;
    share_groups(&node, size, &mut figures)?;
    node.stop()?;
    Ok(figures)
}

/// A program of crates/server/examples, optimised.
fn example(name: &str) -> Result<Command> {
    let build = ["build", "--quiet", "--release", "--package", "klamm-server", "--example", name];
    run(&mut command("cargo", &build))?;
    Ok(command(&target().join("release/examples").join(name).to_string_lossy(), &[]))
}

fn groups(node: &Node, figures: &mut Figures) -> Result<()> {
    create(node, "members", MEMBERS)?;
    let pid = node.pid().context("the node runs")?;
    let names = [
        (
            "consumer",
            "1,000 members (KIP-848), from start to stable, s",
            "1,000 members (KIP-848), after one has left, s",
            "broker CPU seconds of that, five leaving, and of a minute at rest",
        ),
        (
            "classic",
            "1,000 members (classic), from start to stable, s",
            "1,000 members (classic), after one has left, s",
            "broker CPU seconds of that, five leaving, and of a minute at rest (classic)",
        ),
    ];
    for (protocol, start, left, cpu) in names {
        let before = cpu_seconds(pid)?;
        let text = output(example("group_members")?.args([&node.port.to_string(), protocol, MEMBERS]))?;
        let seconds: Vec<f64> = text
            .lines()
            .filter(|line| line.contains(" members, "))
            .map(|line| Ok(number_before(line, " ms,")? / 1e3))
            .collect::<Result<_>>()?;
        let [stable, leaving @ ..] = seconds.as_slice() else { bail!("the group was not stable: {text}") };
        figures.add(start, *stable);
        leaving.iter().for_each(|seconds| figures.add(left, *seconds));
        figures.add(cpu, cpu_seconds(pid)? - before);
    }
    Ok(())
}

/// With and without a millisecond of work for each record: the one shows how a group grows past the partitions, the other
/// what a broker can give out.
fn share_groups(node: &Node, size: &Size, figures: &mut Figures) -> Result<()> {
    create(node, "share", "4")?;
    produce(node, "share", size.records * 10, "100", "-1", &["batch.size=16384", "linger.ms=5"])?;
    let pid = node.pid().context("the node runs")?;
    let names = [
        (
            "1",
            [
                "share group, 1 ms of work for each record, 1 consumer, records/s",
                "share group, 1 ms of work for each record, 4 consumers, records/s",
                "share group, 1 ms of work for each record, 16 consumers, records/s",
            ],
            "broker CPU seconds per million of these records",
        ),
        (
            "0",
            [
                "share group, no work, 1 consumer, records/s",
                "share group, no work, 4 consumers, records/s",
                "share group, no work, 16 consumers, records/s",
            ],
            "broker CPU seconds per million of these records (no work)",
        ),
    ];
    for (work_ms, rates, cpu) in names {
        let before = cpu_seconds(pid)?;
        let mut client = tools::java_client(&["share", &node.servers(), "share", "1,4,16", work_ms, "10"]);
        let text = output(client.env("KAFKA_JVM", super::CLIENT_JVM))?;
        for (name, line) in rates.into_iter().zip(text.lines()) {
            figures.add(name, number_before(line, " records/sec")?);
        }
        let millions = number_before(&text, " records in all")? / 1e6;
        figures.add(cpu, (cpu_seconds(pid)? - before) / millions);
    }
    Ok(())
}

/// How long a partition of each coordinator takes to load when the node is started again. They are loaded at the same
/// time.
pub(super) fn loading(product: Product) -> Result<Figures> {
    let mut figures = Figures::default();
    let settings = [
        &super::SETTINGS[..],
        &[("offsets.topic.num.partitions", "1"), ("transaction.state.log.num.partitions", "1")],
    ]
    .concat();
    let mut node = Node::create(product, "bench", &settings)?;
    node.set_environment("KAFKA_JVM", super::KAFKA_JVM);
    node.set_environment("KAFKA_LOG_LEVEL", "info");
    node.start()?;
    create(&node, "committed", "1000")?;
    for what in ["offsets", "transactions"] {
        let text = output(example("coordinator_state")?.args([&node.port.to_string(), what, LOADED]))?;
        println!("  {what}: {}", text.trim());
    }
    node.stop()?;
    // What the first start wrote does not count.
    std::fs::remove_file(node.folder.join("server.log"))?;
    node.start()?;
    let pid = node.pid().context("the node runs")?;
    let began = Instant::now();
    let times = loop {
        let log = String::from_utf8_lossy(&std::fs::read(node.folder.join("server.log"))?).into_owned();
        if let (Some(offsets), Some(ids)) = (loaded(product, &log, true), loaded(product, &log, false)) {
            break (offsets, ids);
        }
        if began.elapsed() > LOAD_LIMIT {
            bail!("not loaded within {LOAD_LIMIT:?}");
        }
        sleep(Duration::from_millis(100));
    };
    figures.add("1,000,000 committed offsets are loaded, s", times.0 / 1e3);
    figures.add("1,000,000 transactional ids are loaded, s", times.1 / 1e3);
    figures.add("broker CPU seconds of the start and both", cpu_seconds(pid)?);
    node.stop()?;
    Ok(figures)
}

/// Milliseconds that a coordinator took to load its one partition, once the log says so.
fn loaded(product: Product, log: &str, is_offsets: bool) -> Option<f64> {
    let (has, before) = match (product, is_offsets) {
        (Product::Klamm, true) => (["coordinator loaded", "kind=\"group\""], "took_ms="),
        (Product::Klamm, false) => (["coordinator loaded", "kind=\"transaction\""], "took_ms="),
        (Product::Kafka, true) => (["Finished loading of metadata from", "__consumer_offsets-0"], "in "),
        (Product::Kafka, false) => {
            (["Finished loading", "transaction metadata from __transaction_state-0"], "in ")
        }
    };
    let line = log.lines().find(|line| has.iter().all(|part| line.contains(part)))?;
    line.split(before).skip(1).find_map(|rest| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logs_say_how_long_loading_took() {
        let klamm = "INFO x: coordinator loaded kind=\"group\" partition=0 end_offset=1000000 took_ms=751\n\
                     INFO x: coordinator loaded kind=\"transaction\" partition=0 end_offset=1000000 took_ms=84";
        assert_eq!(loaded(Product::Klamm, klamm, true), Some(751.0));
        assert_eq!(loaded(Product::Klamm, klamm, false), Some(84.0));
        let kafka = "Finished loading of metadata from __consumer_offsets-0 with epoch 1 in 14700ms where 2ms was spent in \
                     the scheduler. Loaded 1011460 records which total to 8 bytes.\n\
                     Finished loading 464197 transaction metadata from __transaction_state-0 in 8900 milliseconds, of which \
                     1 milliseconds was spent in the scheduler.";
        assert_eq!(loaded(Product::Kafka, kafka, true), Some(14700.0));
        assert_eq!(loaded(Product::Kafka, kafka, false), Some(8900.0));
        assert_eq!(loaded(Product::Kafka, klamm, true), None);
    }
}
