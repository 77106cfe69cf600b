//! Apache Kafka's tools and Java clients as commands.

use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::node::{Node, Product, kafka_real, klamm_binary};
use crate::setup;
use crate::shell::command;
use crate::tally::{self, Tally, count_before};

/// One of Kafka's command-line tools, by its class.
pub(crate) fn kafka(class: &str, arguments: &[&str]) -> Command {
    let mut tool = command(&kafka_real("tool").to_string_lossy(), &[class]);
    tool.args(arguments);
    tool
}

/// The program of tests/clients/java.
pub(crate) fn java_client(arguments: &[&str]) -> Command {
    let mut tool = kafka("TestClient", arguments);
    tool.env("KAFKA_CP_EXTRA", setup::clients().join("java"));
    tool
}

/// One of the programs of tests/clients/python.
pub(crate) fn python(file: &str) -> Command {
    let mut python = command(&setup::clients().join("venv/bin/python").to_string_lossy(), &[]);
    python.arg(crate::shell::root().join("tests/clients/python").join(file));
    python
}

/// The client's own tests (crates/client/tests/cluster) against a node. tests/tools/run.sh runs them against Kafka.
pub(crate) fn own_client(product: Product) -> Result<Tally> {
    product.prepare()?;
    // Members that vanish are to be missed soon; a heartbeat tells of the others' doings.
    let settings = [
        ("group.initial.rebalance.delay.ms", "0"),
        ("group.consumer.min.session.timeout.ms", "6000"),
        ("group.consumer.session.timeout.ms", "6000"),
        ("group.consumer.min.heartbeat.interval.ms", "500"),
        ("group.consumer.heartbeat.interval.ms", "500"),
        ("transaction.abort.timed.out.transaction.cleanup.interval.ms", "1000"),
    ];
    let mut node = Node::create(product, "own-client", &settings)?;
    node.start()?;
    let mut tests = command("cargo", &["test", "--package", "klamm-client", "--test", "cluster"]);
    let done = tests.env("KLAMM_TEST_BOOTSTRAP", node.servers()).output().context("cannot start cargo")?;
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    let tally = tally::of_cargo_test(&text);
    if !done.status.success() {
        print!("{text}");
        if tally.failed == 0 {
            return Ok(Tally::failure(format!("cargo test ended with {}", done.status)));
        }
    }
    node.stop()?;
    Ok(tally)
}

/// Klamm's tools beside Kafka's on one cluster (tests/tools/run.sh).
pub(crate) fn compare() -> Result<Tally> {
    Product::Klamm.prepare()?;
    setup::kafka()?;
    let mut run = command("tests/tools/run.sh", &[]);
    let done = run
        .arg(klamm_binary())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start tests/tools/run.sh")?;
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    print!("{text}");
    let last = text.lines().last().unwrap_or_default();
    let (passed, failed) = (count_before(last, " same"), count_before(last, " differ"));
    if passed == 0 {
        return Ok(Tally::failure(format!("tests/tools/run.sh ended with {}: {last}", done.status)));
    }
    Ok(Tally { passed, failed, ..Tally::default() })
}
