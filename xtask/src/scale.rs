//! `scale`: many partitions on three nodes, each broker and controller.
//!
//! Partitions are created in topics of a thousand; then a broker is killed and comes back, the active controller is killed
//! and comes back, and the whole cluster stops and starts. Klamm and Kafka take their turns; the table that is printed is
//! what bench/RESULTS.md has.

mod controllers;

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::bench::resident_mb;
use crate::node::{Node, Product, load_average, use_release_build};
use crate::nodes::{Controllers, Nodes};
use crate::wire;

/// Partitions of a topic.
const TOPIC_PARTITIONS: u32 = 1_000;
const LIMIT: Duration = Duration::from_secs(900);
/// Kafka's own default flags, but with twice the heap: with a gigabyte threads of a broker ended with errors.
const KAFKA_JVM: &str = "-Xms2G -Xmx2G -server -XX:+UseG1GC -XX:MaxGCPauseMillis=20 \
     -XX:InitiatingHeapOccupancyPercent=35 -XX:+ExplicitGCInvokesConcurrent";

/// How much is measured.
#[derive(Clone, clap::Args)]
pub(crate) struct Size {
    /// Partitions of the cluster, in thousands rounded up
    #[arg(long, default_value_t = 100_000)]
    partitions: u32,
    /// Replicas of each
    #[arg(long, default_value_t = 3)]
    replicas: i16,
    /// Controllers alone are real: three of them, with brokers that are only pretended and three replicas of each
    /// partition
    #[arg(long, conflicts_with = "replicas")]
    controllers: bool,
    /// Only this product (without it: both, one after the other)
    #[arg(long, value_enum)]
    server: Option<Product>,
}

type Figures = Vec<(&'static str, f64)>;

/// Measures and prints a table.
pub(crate) fn scale(size: &Size) -> Result<()> {
    let products = size.server.map_or(vec![Product::Klamm, Product::Kafka], |only| vec![only]);
    let mut columns = Vec::new();
    for product in products {
        match product {
            Product::Klamm => use_release_build()?,
            Product::Kafka => product.prepare()?,
        }
        println!("-- {product:?}, load average {}", load_average());
        let mut figures = Figures::new();
        // What was measured before something failed is told too.
        let done = if size.controllers {
            controllers::measure(product, size, &mut figures)
        } else {
            measure(product, size, &mut figures)
        };
        if let Err(error) = &done {
            eprintln!("{product:?}: {error:#}");
        }
        columns.push((product, figures, done.is_ok()));
    }
    println!("\nload average at the end: {}\n", load_average());
    print_table(&columns);
    ensure!(columns.iter().all(|(_, _, whole)| *whole), "not everything was measured");
    Ok(())
}

fn print_table(columns: &[(Product, Figures, bool)]) {
    let names: Vec<String> = columns.iter().map(|(product, ..)| format!("{product:?}")).collect();
    println!("| figure | {} |\n|---|{}", names.join(" | "), "---|".repeat(names.len()));
    let Some((_, longest, _)) = columns.iter().max_by_key(|(_, figures, _)| figures.len()) else { return };
    for (index, (name, _)) in longest.iter().enumerate() {
        let cells: Vec<String> = columns
            .iter()
            .map(|(_, figures, _)| {
                figures.get(index).map_or("-".to_owned(), |(_, value)| format!("{value:.2}"))
            })
            .collect();
        println!("| {name} | {} |", cells.join(" | "));
    }
}

fn measure(product: Product, size: &Size, figures: &mut Figures) -> Result<()> {
    let mut note = |name: &'static str, value: f64| {
        println!("  {name}: {value:.2}");
        figures.push((name, value));
    };
    let mut nodes = Nodes::format("scale", Controllers::Combined, &[product; 3], &[])?;
    for node in &mut nodes.brokers {
        node.set_environment("KAFKA_JVM", KAFKA_JVM);
    }
    nodes.run()?;
    let topics = size.partitions.div_ceil(TOPIC_PARTITIONS);
    let count = (topics * TOPIC_PARTITIONS) as usize;
    let begun = Instant::now();
    for topic in 0..topics {
        let port = nodes.brokers[topic as usize % 3].port;
        wire::create_topic(port, &format!("topic-{topic}"), TOPIC_PARTITIONS, size.replicas)?;
    }
    note("created, s", begun.elapsed().as_secs_f64());
    until(|| everything_in_sync(&nodes, count)).context("creation")?;
    note("created and in sync, known to every broker, s", begun.elapsed().as_secs_f64());
    note("resident memory of the largest node, MB", largest(&nodes)?);

    let active = active_controller(&nodes, None)?;
    let victim = (1..=3).find(|id| *id != active).context("there are three nodes")?;
    let killed = Instant::now();
    nodes.broker(victim)?.kill()?;
    until(|| nobody_waits_for(&nodes, victim, count)).context("leaders after a broker was killed")?;
    note("broker killed: every partition has another leader, s", killed.elapsed().as_secs_f64());
    come_back(
        &mut nodes,
        victim,
        count,
        &mut note,
        ["killed broker serves again, s", "it is in sync again, s"],
    )?;

    let killed = Instant::now();
    nodes.broker(active)?.kill()?;
    active_controller(&nodes, Some(active))?;
    note("active controller killed: another is active, s", killed.elapsed().as_secs_f64());
    let alive = nodes.brokers.iter().find(|node| node.pid().is_some()).context("two run")?.port;
    until(|| wire::create_topic(alive, "after", 1, 2).is_ok())
        .context("a topic without the old controller")?;
    note("a topic is created, s", killed.elapsed().as_secs_f64());
    until(|| nobody_waits_for(&nodes, active, count + 1))
        .context("leaders after the controller was killed")?;
    note("every partition of its broker has another leader, s", killed.elapsed().as_secs_f64());
    let names = ["killed controller and broker serves again, s", "its broker is in sync again, s"];
    come_back(&mut nodes, active, count + 1, &mut note, names)?;

    let begun = Instant::now();
    nodes.stop()?;
    note("all three stopped in an orderly way, s", begun.elapsed().as_secs_f64());
    let begun = Instant::now();
    nodes.run()?;
    note("all three started, serving, s", begun.elapsed().as_secs_f64());
    until(|| everything_in_sync(&nodes, count + 1)).context("start of the cluster")?;
    note("in sync, known to every broker, s", begun.elapsed().as_secs_f64());
    note("resident memory of the largest node after the start, MB", largest(&nodes)?);
    nodes.stop()
}

fn come_back(
    nodes: &mut Nodes,
    id: i32,
    count: usize,
    note: &mut impl FnMut(&'static str, f64),
    [serves, in_sync]: [&'static str; 2],
) -> Result<()> {
    let begun = Instant::now();
    nodes.broker(id)?.start()?;
    note(serves, begun.elapsed().as_secs_f64());
    until(|| everything_in_sync(nodes, count)).with_context(|| format!("broker {id} came back"))?;
    note(in_sync, begun.elapsed().as_secs_f64());
    Ok(())
}

fn until(mut is_so: impl FnMut() -> bool) -> Result<()> {
    let begun = Instant::now();
    while begun.elapsed() < LIMIT {
        if is_so() {
            return Ok(());
        }
        // Asking for all of the metadata is work for the brokers, which are measured.
        sleep(Duration::from_millis(100));
    }
    bail!("waited for {LIMIT:?}")
}

/// Whether every broker tells of all partitions, and that all their replicas are in sync.
fn everything_in_sync(nodes: &Nodes, count: usize) -> bool {
    nodes.brokers.iter().all(|node| {
        wire::all_partitions(node.port).is_ok_and(|partitions| {
            partitions.len() >= count
                && partitions.iter().all(|one| one.leader > 0 && one.isr.len() == one.replicas.len())
        })
    })
}

/// Whether every broker that runs tells of a leader for all partitions that is not `id`.
fn nobody_waits_for(nodes: &Nodes, id: i32, count: usize) -> bool {
    nodes.brokers.iter().filter(|node| node.pid().is_some()).all(|node| {
        wire::all_partitions(node.port).is_ok_and(|partitions| {
            partitions.len() >= count && partitions.iter().all(|one| one.leader > 0 && one.leader != id)
        })
    })
}

/// The active controller, as soon as all nodes that run agree on one that is not `except`.
fn active_controller(nodes: &Nodes, except: Option<i32>) -> Result<i32> {
    let mut found = None;
    until(|| {
        found = nodes.active_controller().filter(|id| Some(*id) != except);
        found.is_some()
    })
    .context("the nodes do not agree on an active controller")?;
    found.context("nobody was found")
}

fn largest(nodes: &Nodes) -> Result<f64> {
    let mut most = 0.0_f64;
    for pid in nodes.brokers.iter().filter_map(Node::pid) {
        most = most.max(resident_mb(pid)?);
    }
    Ok(most)
}
