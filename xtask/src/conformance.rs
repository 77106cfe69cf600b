//! `conformance`: Apache Kafka's own integration tests against the server under test (see tests/conformance/README.md).

pub(crate) mod report;

use std::fs;

use anyhow::{Context, Result, bail};

use crate::node::{Product, klamm_binary};
use crate::setup;
use crate::shell::{command, root};
use crate::tally::{Tally, count_before};

/// How a run differs from the usual.
#[derive(Clone, Copy, Default, clap::Args)]
pub(crate) struct How {
    /// A test's only controller and its only broker become one process
    #[arg(long)]
    pub(crate) one_process: bool,
    /// Keep the results for docs/conformance.md
    #[arg(long)]
    pub(crate) keep: bool,
    /// How many classes share a JVM: quicker, but a class may then suffer from the one before
    #[arg(long, default_value_t = 1)]
    pub(crate) batch: u32,
}

/// Runs sets (`@name` or `name`), classes or methods, and reads the counts off the summary.
pub(crate) fn conformance(product: Product, items: &[String], how: &How) -> Result<Tally> {
    product.prepare()?;
    setup::kafka()?;
    let folder = root().join("tests/conformance");
    let scripts = folder.join(match product {
        Product::Klamm => "klamm",
        Product::Kafka => "kafka-real",
    });
    let results = folder.join("results/latest");
    if results.exists() {
        fs::remove_dir_all(&results)?;
    }
    let mut run = command(&folder.join("run.sh").to_string_lossy(), &["-o"]);
    run.arg(&results)
        .args(["-b", &how.batch.max(1).to_string()])
        .args(items.iter().map(|item| item_of(item)));
    run.env("SERVER_FORMAT", scripts.join("format")).env("SERVER_START", scripts.join("start"));
    run.env("KLAMM_BIN", klamm_binary());
    if std::env::var_os("CONF_TYPES").is_none() {
        // Of a test that asks for both types of cluster one is enough, unless somebody asks for more.
        run.env("CONF_TYPES", "combined");
    }
    if how.one_process {
        run.env("CONF_LAYOUT", "one-process");
    }
    let range = std::env::var("KLAMM_TEST_PORTS").unwrap_or_else(|_| "29300-29999".to_owned());
    let (low, high) = range.split_once('-').context("KLAMM_TEST_PORTS is LOW-HIGH")?;
    run.env("CONF_PORT_LOW", low).env("CONF_PORT_HIGH", high);
    // Its status says only what the summary says too.
    let _failed = run.status().context("cannot start tests/conformance/run.sh")?;
    let summary =
        fs::read_to_string(results.join("summary.txt")).context("the run ended without a summary")?;
    if how.keep {
        let [set] = items else { bail!("the results of one set are kept, not of {items:?}") };
        let text = fs::read_to_string(results.join("results.csv"))?;
        fs::write(report::kept(set.trim_start_matches('@'), product), without_folders(&text))?;
    }
    Ok(tally_of(&summary))
}

/// The short selection that every change has to pass.
pub(crate) fn short() -> Result<Tally> {
    conformance(Product::Klamm, &["ci".to_owned()], &How { batch: 40, ..How::default() })
}

/// A set may be named with or without its `@`.
fn item_of(item: &str) -> String {
    let is_set = root().join("tests/conformance/sets").join(format!("{item}.txt")).exists();
    if is_set { format!("@{item}") } else { item.to_owned() }
}

/// Reasons quote what servers said, which may name a folder of this run; a report has no use for that.
fn without_folders(results: &str) -> String {
    let mut parts = results.split("/tmp/kafka-conformance.");
    let is_of_path = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '.' | '_');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + "FOLDER" + part.trim_start_matches(is_of_path))
}

fn tally_of(summary: &str) -> Tally {
    let last = summary.lines().last().unwrap_or_default();
    let failed = summary
        .lines()
        .skip_while(|line| *line != "failed:")
        .skip(1)
        .take_while(|line| line.starts_with("  "));
    let notes = failed.map(|line| line.trim().to_owned()).collect();
    Tally {
        passed: count_before(last, " passed"),
        failed: count_before(last, " failed"),
        skipped: count_before(last, " skipped"),
        notes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_a_run_are_not_kept() {
        let results = "a,failed,1,\"in /tmp/kafka-conformance.9GBLxx/tmp/kafka-12 with\"\nb,passed,2,\n";
        assert_eq!(without_folders(results), "a,failed,1,\"in FOLDER with\"\nb,passed,2,\n");
    }

    #[test]
    fn a_summary_is_read() {
        let summary =
            "all 2 1 1\nfailed:\n  A#b  -- reason\nnot applicable: 1\n2 passed, 1 failed, 1 skipped\n";
        let tally = tally_of(summary);
        assert_eq!((tally.passed, tally.failed, tally.skipped), (2, 1, 1));
        assert_eq!(tally.notes, ["A#b  -- reason"]);
    }
}
