//! `conformance`: Apache Kafka's own integration tests against the server under test (see tests/conformance/README.md).

use std::fs;

use anyhow::{Context, Result};

use crate::node::{Product, klamm_binary};
use crate::setup;
use crate::shell::{command, root};
use crate::tally::{Tally, count_before};

/// Runs sets (`@name` or `name`), classes or methods, and reads the counts off the summary.
pub(crate) fn conformance(product: Product, items: &[String], one_process: bool) -> Result<Tally> {
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
    run.arg(&results).args(items.iter().map(|item| item_of(item)));
    run.env("SERVER_FORMAT", scripts.join("format")).env("SERVER_START", scripts.join("start"));
    run.env("KLAMM_BIN", klamm_binary());
    if one_process {
        run.env("CONF_LAYOUT", "one-process");
    }
    let range = std::env::var("KLAMM_TEST_PORTS").unwrap_or_else(|_| "29300-29999".to_owned());
    let (low, high) = range.split_once('-').context("KLAMM_TEST_PORTS is LOW-HIGH")?;
    run.env("CONF_PORT_LOW", low).env("CONF_PORT_HIGH", high);
    // Its status says only what the summary says too.
    let _failed = run.status().context("cannot start tests/conformance/run.sh")?;
    let summary =
        fs::read_to_string(results.join("summary.txt")).context("the run ended without a summary")?;
    Ok(tally_of(&summary))
}

/// A set may be named with or without its `@`.
fn item_of(item: &str) -> String {
    let is_set = root().join("tests/conformance/sets").join(format!("{item}.txt")).exists();
    if is_set { format!("@{item}") } else { item.to_owned() }
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
    fn a_summary_is_read() {
        let summary =
            "all 2 1 1\nfailed:\n  A#b  -- reason\nnot applicable: 1\n2 passed, 1 failed, 1 skipped\n";
        let tally = tally_of(summary);
        assert_eq!((tally.passed, tally.failed, tally.skipped), (2, 1, 1));
        assert_eq!(tally.notes, ["A#b  -- reason"]);
    }
}
