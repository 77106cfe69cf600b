//! `test`: all tests, stage by stage, with a table at the end.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::node::Product;
use crate::shell::command;
use crate::tally::{self, Tally};
use crate::{clients, conformance, crash, dead_letters, disk, faults, fuzz, hostile, setup, sim, tools};

/// How much of what can be scaled is done.
struct Scale {
    client_records: u32,
    crash_rounds: u32,
    fuzz_seconds: u64,
}

/// What a change has to pass, within the time of a CI run.
const QUICK: Scale = Scale { client_records: 10_000, crash_rounds: 5, fuzz_seconds: 20 };
/// What the project promises.
const FULL: Scale = Scale { client_records: 100_000, crash_rounds: 50, fuzz_seconds: 300 };

/// One stage of the tests.
struct Stage {
    name: &'static str,
    /// What it should take at most on two cores, in seconds; more is said in the table, not failed.
    budget: u64,
    run: fn(&Scale) -> Result<Tally>,
}

/// The stages in the order in which they run: what is quick and says most comes first.
const STAGES: &[Stage] = &[
    Stage { name: "unit", budget: 900, run: |_| unit() },
    Stage { name: "hostile", budget: 120, run: |_| hostile::hostile(Product::Klamm) },
    // After a stage that has built most of it.
    Stage { name: "sim", budget: 90, run: |_| sim::short() },
    Stage {
        name: "clients",
        budget: 600,
        run: |scale| clients::clients(Product::Klamm, &[], scale.client_records),
    },
    Stage { name: "own-client", budget: 90, run: |_| tools::own_client(Product::Klamm) },
    Stage { name: "tools", budget: 200, run: |_| tools::compare() },
    Stage { name: "disk", budget: 240, run: |_| disk::disk(Product::Klamm, Product::Kafka) },
    Stage { name: "crash", budget: 180, run: |scale| crash::crash(Product::Klamm, scale.crash_rounds) },
    Stage { name: "dead-letters", budget: 90, run: |_| dead_letters::dead_letters(5) },
    Stage { name: "faults", budget: 150, run: |_| faults::faults(Product::Klamm, &faults::SHORT) },
    Stage { name: "conformance", budget: 300, run: |_| conformance::short() },
    Stage { name: "fuzz", budget: 300, run: |scale| fuzz::fuzz(&[], scale.fuzz_seconds, None) },
];

/// Installs what is missing and runs the named stages, or all of them. An error if a test failed.
pub(crate) fn test(names: &[String], full: bool) -> Result<()> {
    if let Some(unknown) = names.iter().find(|name| STAGES.iter().all(|stage| stage.name != name.as_str())) {
        let known: Vec<_> = STAGES.iter().map(|stage| stage.name).collect();
        bail!("no stage is called {unknown}; there are: {}", known.join(", "));
    }
    let scale = if full { FULL } else { QUICK };
    let mut done = Vec::new();
    let wanted = |stage: &&Stage| names.is_empty() || names.iter().any(|name| name == stage.name);
    for stage in STAGES.iter().filter(wanted) {
        let mut stage_done = timed(stage.name, || (stage.run)(&scale));
        let took = stage_done.2.as_secs();
        if took > stage.budget && !full {
            stage_done.1.notes.push(format!("took {took} s, {} are its budget", stage.budget));
        }
        done.push(stage_done);
    }
    close(&done)
}

/// Runs one stage by itself, with the same table and closing line.
pub(crate) fn one(name: &str, run: impl FnOnce() -> Result<Tally>) -> Result<()> {
    close(&[timed(name, run)])
}

fn timed(name: &str, run: impl FnOnce() -> Result<Tally>) -> (String, Tally, Duration) {
    println!("\n== {name}");
    let started = Instant::now();
    let tally = run().unwrap_or_else(|error| Tally::failure(format!("{error:#}")));
    (name.to_owned(), tally, started.elapsed())
}

fn close(done: &[(String, Tally, Duration)]) -> Result<()> {
    let sum = tally::print(done);
    if sum.failed > 0 {
        bail!("{} tests failed", sum.failed);
    }
    Ok(())
}

/// The tests inside the crates. Some compare with Kafka's own classes, whose jars Maven brings.
fn unit() -> Result<Tally> {
    setup::kafka()?;
    let mut child = command("cargo", &["test", "--workspace", "--no-fail-fast"])
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start cargo")?;
    let mut output = String::new();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            // Thousands of lines "... ok" would hide the few that matter.
            if !line.ends_with("... ok") && !line.is_empty() {
                println!("{line}");
            }
            output.push_str(&line);
            output.push('\n');
        }
    }
    let status = child.wait()?;
    let mut tally = tally::of_cargo_test(&output);
    if !status.success() && tally.failed == 0 {
        tally = Tally::failure(format!("cargo test ended with {status}"));
    }
    Ok(tally)
}
