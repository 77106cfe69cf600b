//! Runs simulations: `cargo xtask sim`.

use std::{
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::{Context, Result};
use clap::Parser;
use klamm_sim::{
    logging,
    plan::{GroupProtocol, Plan, Special},
    run::{Report, run},
};

#[derive(Parser)]
#[command(about = "Runs whole clusters in simulated worlds")]
struct Options {
    /// One seed, with all that went wrong in it
    #[arg(long)]
    seed: Option<u64>,
    /// Seeds from A up to, not including, B, as A..B
    #[arg(long, default_value = "0..20")]
    seeds: String,
    /// Runs at a time
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// What nodes and clients log: a filter such as `info` or `klamm_server=debug`
    #[arg(long)]
    log: Option<String>,
    /// With --seed, prints the batches of this partition on every node
    #[arg(long)]
    dump: Option<String>,
    /// One node without faults
    #[arg(long)]
    single: bool,
    /// The group is of the consumer protocol, whatever the seed says
    #[arg(long)]
    consumer_protocol: bool,
    /// All hosts lose their power at once
    #[arg(long)]
    blackout: bool,
    /// Brokers sync whatever they append, whatever the seed says
    #[arg(long)]
    syncs_each: bool,
}

fn main() -> ExitCode {
    match simulate(&Options::parse()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(failed) => {
            eprintln!("{failed} seeds failed");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn simulate(options: &Options) -> Result<u64> {
    if let Some(filter) = &options.log {
        logging::print(filter);
    }
    let (first, end) = match options.seed {
        Some(seed) => (seed, seed + 1),
        None => range(&options.seeds).context("--seeds is A..B")?,
    };
    let next = AtomicU64::new(first);
    let failed = AtomicU64::new(0);
    let output = Mutex::new(());
    std::thread::scope(|scope| {
        for _ in 0..options.jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let report = run(&plan(options, seed));
                    let _one_at_a_time = output.lock().unwrap_or_else(PoisonError::into_inner);
                    let is_good = print(seed, report, options);
                    failed.fetch_add(u64::from(!is_good), Ordering::Relaxed);
                }
            });
        }
    });
    let failed = failed.into_inner();
    println!("{} passed, {failed} failed", end.saturating_sub(first).saturating_sub(failed));
    Ok(failed)
}

fn range(text: &str) -> Option<(u64, u64)> {
    let (first, end) = text.split_once("..")?;
    Some((first.parse().ok()?, end.parse().ok()?))
}

fn plan(options: &Options, seed: u64) -> Plan {
    let plan = match (options.single, options.blackout) {
        (true, _) => Plan::single(seed),
        (false, true) => Plan::of(seed, Special::Blackout),
        (false, false) => Plan::of(seed, Special::None),
    };
    let plan = Plan { syncs_each: plan.syncs_each || options.syncs_each, ..plan };
    match options.consumer_protocol {
        true => Plan { protocol: GroupProtocol::Consumer, ..plan },
        false => plan,
    }
}

/// Prints a report. Whether all was well.
fn print(seed: u64, report: Result<Report>, options: &Options) -> bool {
    let report = match report {
        Ok(report) => report,
        Err(error) => {
            println!("seed {seed}: {error:#}");
            return false;
        }
    };
    let is_good = report.violations.is_empty();
    if options.seed.is_some() {
        for (at, deed) in &report.deeds {
            println!("{:>10.3} {deed}", at.as_secs_f64());
        }
        for (node, why) in &report.ends {
            println!("node {node} ended: {why}");
        }
        dump(&report, options.dump.as_deref().unwrap_or_default());
    }
    let outcome = if is_good { "ok" } else { "FAILED" };
    let counts: Vec<String> = report.counts.iter().map(|(what, count)| format!("{count} {what}")).collect();
    println!(
        "seed {seed}: {outcome}, {:.1} s, {} deeds, {} polls, trace {:016x}; {}",
        report.took.as_secs_f64(),
        report.deeds.len(),
        report.polls,
        report.trace,
        counts.join(", ")
    );
    for (name, what) in &report.violations {
        println!("seed {seed}: violated {name}: {what}");
    }
    is_good
}

fn dump(report: &Report, partition: &str) {
    for (node, logs) in &report.logs {
        for (base_offset, batch) in logs.get(partition).into_iter().flatten() {
            println!("node {node} {partition} {base_offset} {batch:?}");
        }
    }
}
