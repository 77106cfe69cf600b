//! `sim`: whole clusters in simulated worlds, one for each seed.
//!
//! The simulations are the crate `sim`; here they are built and run, and their lines counted. A failing seed is repeated
//! with `cargo xtask sim --seed N`, which tells what went wrong when; with `--log info` nodes tell what they do.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use anyhow::{Context, Result};

use crate::shell::command;
use crate::tally::Tally;

/// Which seeds are run, and how much of each is told.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Which {
    /// One seed, with all that goes wrong in it
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Seeds from A up to, not including, B, as A..B
    #[arg(long, default_value = "0..20")]
    pub(crate) seeds: String,
    /// What nodes log: a filter such as `info` or `klamm_server=debug`
    #[arg(long)]
    pub(crate) log: Option<String>,
}

/// The seeds that every change has to pass.
pub(crate) fn short() -> Result<Tally> {
    sim(&Which { seed: None, seeds: "20..40".to_owned(), log: None })
}

/// Runs simulations. One seed is one test.
pub(crate) fn sim(which: &Which) -> Result<Tally> {
    let mut run = command("cargo", &["run", "--quiet", "--profile", "checked", "-p", "klamm-sim", "--"]);
    match which.seed {
        Some(seed) => run.args(["--seed", &seed.to_string()]),
        None => run.args(["--seeds", &which.seeds]),
    };
    if let Some(log) = &which.log {
        run.args(["--log", log]);
    }
    let mut child = run.stdout(Stdio::piped()).spawn().context("cannot start cargo")?;
    let mut tally = Tally::default();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            println!("{line}");
            count(&line, &mut tally);
        }
    }
    let status = child.wait()?;
    if !status.success() && tally.failed == 0 {
        tally = Tally::failure(format!("the simulator ended with {status}"));
    }
    Ok(tally)
}

/// Counts one line of the simulator's: "seed 3: ok, ..." or "seed 3: FAILED, ..." and "seed 3: violated ...".
fn count(line: &str, tally: &mut Tally) {
    let Some((_, rest)) = line.strip_prefix("seed ").and_then(|rest| rest.split_once(": ")) else { return };
    if rest.starts_with("ok") {
        tally.passed += 1;
    } else if rest.starts_with("FAILED") {
        tally.failed += 1;
    } else if rest.starts_with("violated") {
        tally.notes.push(line.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_test() {
        let mut tally = Tally::default();
        for line in [
            "seed 1: ok, 80.1 s, 3 deeds",
            "seed 2: FAILED, 81.0 s, 9 deeds",
            "seed 2: violated log matching: both agree",
            "1 passed, 1 failed",
        ] {
            count(line, &mut tally);
        }
        assert_eq!((tally.passed, tally.failed, tally.notes.len()), (1, 1, 1));
    }
}
