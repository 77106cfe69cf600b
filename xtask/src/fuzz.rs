//! `fuzz`: damaged bytes for every decoder and for log recovery, for a bounded time.
//!
//! The targets are the crates' own mutation tests: they start from bytes that Kafka's classes wrote, which reach deeper
//! than noise does, and count what is allocated. Here they run again and again with other seeds. A failure names its
//! seed, which makes it happen again.

use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};

use crate::shell::command;
use crate::tally::Tally;

/// A mutation test: how cargo is to run it.
struct Target {
    name: &'static str,
    arguments: &'static [&'static str],
}

const TARGETS: &[Target] = &[
    // Requests, responses, headers, metadata and coordinator records, in every version.
    Target {
        name: "messages",
        arguments: &["--package", "klamm-protocol", "--test", "messages", "mutation"],
    },
    // Record batches: headers, records, every codec, zip bombs.
    Target {
        name: "records",
        arguments: &["--package", "klamm-protocol", "--lib", "records::tests::mutation"],
    },
    // Any file of a partition cut or flipped anywhere.
    Target { name: "log", arguments: &["--package", "klamm-log", "--test", "damage"] },
];

/// Runs the named targets, or all, each for `seconds`.
pub(crate) fn fuzz(names: &[String], seconds: u64, seed: Option<u64>) -> Result<Tally> {
    if let Some(unknown) = names.iter().find(|name| TARGETS.iter().all(|target| target.name != name.as_str()))
    {
        let known: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
        bail!("no target is called {unknown}; there are: {}", known.join(", "));
    }
    let days = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() / 86_400;
    let first = seed.unwrap_or(days * 1_000_000_000 + 1);
    let mut tally = Tally::default();
    for target in
        TARGETS.iter().filter(|target| names.is_empty() || names.iter().any(|name| name == target.name))
    {
        tally.note(target.name, repeat(target, Duration::from_secs(seconds), first));
    }
    Ok(tally)
}

/// Runs a target with one seed after another until the time is up.
fn repeat(target: &Target, limit: Duration, first: u64) -> Result<()> {
    run(target, first, true).context("does not build")?;
    let started = Instant::now();
    let mut seed = first;
    while started.elapsed() < limit {
        run(target, seed, false).with_context(|| {
            format!("KLAMM_FUZZ_SEED={seed} cargo test --profile checked {}", target.arguments.join(" "))
        })?;
        // Some targets use as many seeds as they have rounds.
        seed += 1_000_000;
    }
    println!("{}: {} seeds in {} s", target.name, (seed - first) / 1_000_000, started.elapsed().as_secs());
    Ok(())
}

fn run(target: &Target, seed: u64, build_only: bool) -> Result<()> {
    let mut test = command("cargo", &["test", "--quiet", "--profile", "checked"]);
    test.args(target.arguments).env("KLAMM_FUZZ_SEED", seed.to_string());
    test.env("KLAMM_FUZZ_ROUNDS", "100000").env("KLAMM_TEST_SEEDS", "500");
    if build_only {
        test.arg("--no-run");
    }
    let done = test.stdout(Stdio::piped()).stderr(Stdio::piped()).output().context("cannot start cargo")?;
    if !done.status.success() {
        let text =
            format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        let lines: Vec<_> = text.lines().rev().take(20).collect();
        bail!("{}", lines.into_iter().rev().collect::<Vec<_>>().join("\n"));
    }
    Ok(())
}
