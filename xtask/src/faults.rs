//! `faults`: three nodes in network namespaces, every fault that a process can meet, and a judge of what clients saw.
//!
//! The nodes, the faults, the clients (librdkafka) and the judge are `tests/faults`; its README says what is judged.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::node::Product;
use crate::setup;
use crate::shell::{command, output, root, run, target};
use crate::tally::Tally;

/// What a run is made of.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Plan {
    /// Seconds of faults
    #[arg(long, default_value_t = 120)]
    pub(crate) seconds: u32,
    /// Draws the faults and what each client does
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Further runs, each with the next seed
    #[arg(long, default_value_t = 1)]
    pub(crate) runs: u32,
    /// all, none, or names of faults with commas between them (tests/faults/nemesis.py has them)
    #[arg(long, default_value = "all")]
    pub(crate) faults: String,
    /// Clients write and commit their positions in transactions
    #[arg(long)]
    pub(crate) transactional: bool,
    /// Keeps the history and the summary of each run in docs/evidence/faults
    #[arg(long)]
    pub(crate) keep: bool,
    /// Only judges these histories (history.jsonl.gz of a run, or one of docs/evidence/faults)
    #[arg(long, num_args = 1.., conflicts_with_all = ["keep", "seconds", "seed", "runs", "faults", "transactional"])]
    pub(crate) judge: Vec<PathBuf>,
}

/// What a change has to pass.
pub(crate) const SHORT: Plan = Plan {
    seconds: 45,
    seed: 1,
    runs: 1,
    faults: String::new(),
    transactional: false,
    keep: false,
    judge: Vec::new(),
};

pub(crate) fn faults(product: Product, plan: &Plan) -> Result<Tally> {
    setup::python_of_faults()?;
    let mut tally = Tally::default();
    if !plan.judge.is_empty() {
        for history in &plan.judge {
            tally.note(&history.display().to_string(), judge(history));
        }
        return Ok(tally);
    }
    if output(&mut command("id", &["-u"]))?.trim() != "0" {
        bail!("network namespaces and small file systems need root: run this as root");
    }
    product.prepare()?;
    setup::iproute()?;
    tally.note("the judge", run(&mut python(&["test_checks.py"])));
    for seed in plan.seed..plan.seed + u64::from(plan.runs) {
        println!("\nseed {seed}");
        tally.note(&format!("seed {seed}"), one(product, plan, seed));
    }
    Ok(tally)
}

fn one(product: Product, plan: &Plan, seed: u64) -> Result<()> {
    let folder = target().join("acceptance").join(format!("faults-{seed}"));
    let mut judge = python(&["."]);
    judge
        .args(["--format", &words(&product.format())])
        .args(["--start", &words(&product.start())])
        .arg("--folder")
        .arg(&folder)
        .args(["--seconds", &plan.seconds.to_string(), "--seed", &seed.to_string()]);
    if !plan.faults.is_empty() {
        judge.args(["--faults", &plan.faults]);
    }
    if plan.transactional {
        judge.arg("--transactional");
    }
    let status = judge.status()?;
    if !status.success() {
        bail!("{status}; the nodes' logs, the history and the summary are in {}", folder.display());
    }
    if plan.keep { keep(product, plan, seed, &folder) } else { Ok(()) }
}

/// Copies what a run was and what its clients did and saw to the other evidence.
fn keep(product: Product, plan: &Plan, seed: u64, folder: &Path) -> Result<()> {
    let kept = root().join("docs/evidence/faults");
    fs::create_dir_all(&kept)?;
    let kind = if plan.transactional { "transactional" } else { "plain" };
    let name = format!("{product:?}-{kind}-{seed}").to_lowercase();
    for (from, ending) in [("history.jsonl.gz", "jsonl.gz"), ("summary.json", "json")] {
        let to = kept.join(format!("{name}.{ending}"));
        fs::copy(folder.join(from), &to).with_context(|| format!("cannot write {}", to.display()))?;
    }
    Ok(())
}

fn judge(history: &Path) -> Result<()> {
    let history = history.canonicalize().with_context(|| format!("{} is not there", history.display()))?;
    println!("\n{}", history.display());
    run(python(&[".", "--judge"]).arg(history))
}

/// A program of `tests/faults`.
fn python(arguments: &[&str]) -> Command {
    let mut python = command(&setup::clients().join("venv-faults/bin/python").to_string_lossy(), arguments);
    python.current_dir(root().join("tests/faults")).stdin(Stdio::null());
    python
}

fn words(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy()];
    words.extend(command.get_args().map(|word| word.to_string_lossy()));
    words.join(" ")
}
