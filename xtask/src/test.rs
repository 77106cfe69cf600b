//! `test`: all tests, stage by stage, with a table at the end.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::shell::command;
use crate::tally::{self, Tally};

/// One stage of the tests.
struct Stage {
    name: &'static str,
    run: fn() -> Result<Tally>,
}

/// The stages in the order in which they run: what is quick and says most comes first.
const STAGES: &[Stage] = &[Stage { name: "unit", run: unit }];

/// Runs the named stages, or all of them. An error if a test failed.
pub(crate) fn test(names: &[String]) -> Result<()> {
    if let Some(unknown) = names.iter().find(|name| STAGES.iter().all(|stage| stage.name != name.as_str())) {
        let known: Vec<_> = STAGES.iter().map(|stage| stage.name).collect();
        bail!("no stage is called {unknown}; there are: {}", known.join(", "));
    }
    let mut done = Vec::new();
    for stage in STAGES.iter().filter(|stage| names.is_empty() || names.iter().any(|name| name == stage.name))
    {
        done.push(timed(stage.name, stage.run));
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

/// The tests inside the crates.
fn unit() -> Result<Tally> {
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
