//! `bench`: our node and Kafka 4.3.1 in one run, under the same load generator.
//!
//! The load comes from Kafka's own performance tools (and librdkafka for the first record after a start). Runs of the
//! two servers alternate, so that whatever else the machine does meets both; figures are medians.

mod coordinators;
mod measure;
mod results;

use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};

use crate::node::{Node, Product, use_release_build};
use crate::shell::output;
use crate::{setup, tools};
use measure::number_before;
pub(crate) use measure::{cpu_seconds, resident_mb};
use results::Figures;

/// Kafka's own default flags for a broker, rather than those of the conformance harness, which only start quickly.
const KAFKA_JVM: &str = "-Xms1G -Xmx1G -server -XX:+UseG1GC -XX:MaxGCPauseMillis=20 \
     -XX:InitiatingHeapOccupancyPercent=35 -XX:+ExplicitGCInvokesConcurrent";
const CLIENT_JVM: &str = "-Xmx512M -server -XX:+UseG1GC -XX:MaxGCPauseMillis=20";

/// One node is all there is, for transactions too.
const SETTINGS: [(&str, &str); 3] = [
    ("num.partitions", "1"),
    ("transaction.state.log.replication.factor", "1"),
    ("transaction.state.log.min.isr", "1"),
];

/// How much is measured.
#[derive(Clone, clap::Args)]
pub(crate) struct Size {
    /// Runs of each server
    #[arg(long, default_value_t = 3)]
    pub(crate) runs: u32,
    /// Records of 1,000 bytes in each throughput run
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) records: u64,
    /// Records a second in the latency run
    #[arg(long, default_value_t = 2_000)]
    pub(crate) rate: u64,
    /// Only these parts (without it: all)
    #[arg(long, value_enum)]
    pub(crate) only: Vec<Part>,
}

/// What is measured on one node; each is a section of bench/RESULTS.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// Start, memory, producing, consuming, latency
    Records,
    /// Transactions, groups of a thousand members, share groups
    Coordinators,
    /// Loading a million offsets and a million transactional ids
    Loading,
}

/// Measures both servers and writes the sections of bench/RESULTS.md.
pub(crate) fn bench(size: &Size) -> Result<()> {
    use_release_build()?;
    Product::Kafka.prepare()?;
    setup::python()?;
    setup::java_client()?;
    for part in [Part::Records, Part::Coordinators, Part::Loading] {
        if size.only.is_empty() || size.only.contains(&part) {
            results::write(part, size, &runs(part, size)?)?;
        }
    }
    Ok(())
}

fn runs(part: Part, size: &Size) -> Result<Vec<(Product, Figures)>> {
    let mut all = Vec::new();
    for run in 0..size.runs {
        for product in [Product::Klamm, Product::Kafka] {
            println!("{part:?}, run {} of {}: {product:?}", run + 1, size.runs);
            let figures = match part {
                Part::Records => one_run(product, size),
                Part::Coordinators => coordinators::at_work(product, size),
                Part::Loading => coordinators::loading(product),
            };
            all.push((product, figures.with_context(|| format!("{product:?}"))?));
        }
    }
    Ok(all)
}

/// Everything that is measured of producing and consuming on one fresh node.
fn one_run(product: Product, size: &Size) -> Result<Figures> {
    let mut figures = Figures::default();
    let mut node = Node::create(product, "bench", &SETTINGS)?;
    node.set_environment("KAFKA_JVM", KAFKA_JVM);
    figures.add("start to first acknowledged record, ms", start_to_first_record(&mut node)?);
    let pid = node.pid().context("the node runs")?;
    sleep(Duration::from_secs(2));
    figures.add("resident memory when idle, MB", resident_mb(pid)?);

    create(&node, "throughput", "6")?;
    // The first run warms both JVMs' code and the load generator's path; it is not counted.
    produce(&node, "throughput", size.records / 5, "1000", "-1", &[])?;
    throughput(&node, pid, size, &mut figures)?;
    small_records(&node, pid, size, &mut figures)?;
    latency(&node, size, &mut figures)?;
    figures.add("resident memory after the load, MB", resident_mb(pid)?);
    node.stop()?;
    Ok(figures)
}

/// Milliseconds from starting the process until a record was acknowledged to a client that was waiting for it.
fn start_to_first_record(node: &mut Node) -> Result<f64> {
    let mut first = tools::python("confluent_client.py");
    first.args(["first", &node.servers(), "first"]).stdout(std::process::Stdio::piped());
    let child = first.stderr(std::process::Stdio::null()).spawn()?;
    sleep(Duration::from_millis(1_500));
    let started = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64();
    node.start()?;
    let done = child.wait_with_output()?;
    if !done.status.success() {
        bail!("the first record was not acknowledged");
    }
    let acknowledged: f64 = String::from_utf8_lossy(&done.stdout).trim().parse()?;
    Ok((acknowledged - started) * 1_000.0)
}

fn create(node: &Node, topic: &str, partitions: &str) -> Result<()> {
    let mut tool =
        tools::kafka("org.apache.kafka.tools.TopicCommand", &["--bootstrap-server", &node.servers()]);
    output(tool.args(["--create", "--topic", topic, "--partitions", partitions]))?;
    Ok(())
}

fn client(class: &str, node: &Node) -> Command {
    let mut tool = tools::kafka(class, &["--bootstrap-server", &node.servers()]);
    tool.env("KAFKA_JVM", CLIENT_JVM);
    tool
}

/// Runs Kafka's producer tool; its last line.
fn produce(
    node: &Node,
    topic: &str,
    records: u64,
    bytes: &str,
    rate: &str,
    properties: &[&str],
) -> Result<String> {
    let mut tool = client("org.apache.kafka.tools.ProducerPerformance", node);
    let records = records.to_string();
    tool.args(["--topic", topic, "--num-records", &records, "--record-size", bytes, "--throughput", rate]);
    for property in properties {
        tool.args(["--command-property", property]);
    }
    let text = output(&mut tool)?;
    text.lines().last().map(str::to_owned).context("the producer tool printed nothing")
}

/// Runs Kafka's consumer tool; records a second while it was fetching.
fn consume(node: &Node, topic: &str, records: u64) -> Result<f64> {
    let mut tool = client("org.apache.kafka.tools.ConsumerPerformance", node);
    let records = records.to_string();
    tool.args(["--topic", topic, "--num-records", &records, "--hide-header", "--timeout", "60000"]);
    let text = output(&mut tool)?;
    let line = text.lines().rfind(|line| line.matches(',').count() >= 9).context("no line of figures")?;
    // start, end, MB, MB/s, records, records/s, rebalance ms, fetch ms, fetch MB/s, fetch records/s
    line.split(',')
        .nth(9)
        .and_then(|field| field.trim().parse().ok())
        .with_context(|| format!("not figures: {line}"))
}

fn throughput(node: &Node, pid: u32, size: &Size, figures: &mut Figures) -> Result<()> {
    let gigabytes = size.records as f64 * 1_000.0 / 1e9;
    let before = cpu_seconds(pid)?;
    let line = produce(node, "throughput", size.records, "1000", "-1", &["batch.size=65536", "linger.ms=5"])?;
    figures.add("produce 1,000 B, records/s", number_before(&line, " records/sec")?);
    figures.add("broker CPU seconds per GB in", (cpu_seconds(pid)? - before) / gigabytes);
    let before = cpu_seconds(pid)?;
    figures.add("consume 1,000 B, records/s", consume(node, "throughput", size.records)?);
    figures.add("broker CPU seconds per GB out", (cpu_seconds(pid)? - before) / gigabytes);
    Ok(())
}

fn small_records(node: &Node, pid: u32, size: &Size, figures: &mut Figures) -> Result<()> {
    create(node, "small", "6")?;
    let before = cpu_seconds(pid)?;
    // No lingering and small batches: many requests, as many independent clients would send them.
    let records = size.records / 4;
    let line = produce(node, "small", records, "100", "-1", &["batch.size=1000", "linger.ms=0"])?;
    figures.add("produce 100 B in small batches, records/s", number_before(&line, " records/sec")?);
    let million = records as f64 / 1e6;
    figures.add("broker CPU seconds per million small records", (cpu_seconds(pid)? - before) / million);
    Ok(())
}

/// Transactions of one record by one producer, one after the other.
fn transactions(node: &Node, figures: &mut Figures) -> Result<()> {
    create(node, "transactions", "6")?;
    let pid = node.pid().context("the node runs")?;
    let before = cpu_seconds(pid)?;
    let text = output(&mut tools::java_client(&["transactions", &node.servers(), "transactions", "10"]))?;
    figures.add("transactions/s, one producer", number_before(&text, " transactions/sec")?);
    figures.add("broker CPU seconds in 20 s of transactions", cpu_seconds(pid)? - before);
    Ok(())
}

fn latency(node: &Node, size: &Size, figures: &mut Figures) -> Result<()> {
    create(node, "latency", "6")?;
    let rate = size.rate.to_string();
    let line = produce(node, "latency", size.rate * 15, "1000", &rate, &["linger.ms=0", "acks=all"])?;
    figures.add("produce latency p50, ms", number_before(&line, " ms 50th")?);
    figures.add("produce latency p99, ms", number_before(&line, " ms 99th")?);
    let mut tool =
        tools::kafka("org.apache.kafka.tools.EndToEndLatency", &["--bootstrap-server", &node.servers()]);
    tool.env("KAFKA_JVM", CLIENT_JVM);
    let arguments =
        ["--topic", "latency", "--num-records", "5000", "--producer-acks", "all", "--record-size", "1000"];
    let text = output(tool.args(arguments))?;
    // The percentiles are whole milliseconds, too coarse for the middle.
    let mean = text.lines().find(|line| line.starts_with("Avg latency")).context("no average")?;
    figures.add("end-to-end latency mean, ms", number_before(mean, " ms")?);
    let percentiles = text.lines().rfind(|line| line.starts_with("Percentiles")).context("no percentiles")?;
    let rest = percentiles.split("99th = ").nth(1).with_context(|| format!("no 99th in {percentiles}"))?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    figures.add("end-to-end latency p99, ms", digits.parse()?);
    Ok(())
}
