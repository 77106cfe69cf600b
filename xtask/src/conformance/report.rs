//! docs/conformance.md: what of Kafka's own tests passes, beside Kafka itself.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::node::Product;
use crate::shell::root;

const HEAD: &str = include_str!("head.md");
const CLUSTER_HEAD: &str = include_str!("cluster.md");

/// One test's result.
struct Row {
    test: String,
    status: String,
    reason: String,
}

impl Row {
    fn class(&self) -> &str {
        self.test.split('#').next().unwrap_or_default()
    }
}

/// Where the results of a set are kept. Those of the set `cluster` are kept for each type of cluster.
pub(super) fn kept(set: &str, product: Product) -> PathBuf {
    let product = format!("{product:?}").to_lowercase();
    let types = std::env::var("CONF_TYPES").unwrap_or_else(|_| "combined".to_owned());
    let name = if set == "cluster" { format!("{set}-{product}-{types}") } else { format!("{set}-{product}") };
    baseline(&name)
}

fn baseline(name: &str) -> PathBuf {
    root().join(format!("tests/conformance/baseline/{name}.csv"))
}

/// Writes the page from the kept results.
pub(crate) fn write() -> Result<()> {
    let kafka = read(&baseline("one-node-kafka"))?;
    let klamm = read(&baseline("one-node-klamm")).unwrap_or_default();
    let mut page = HEAD.to_owned();
    page.push_str("\n## Numbers\n\n");
    page.push_str(&table(["Kafka", "Klamm"], [&kafka, &klamm]));
    for (title, rows, status) in [
        ("Fails on Klamm", &klamm, "failed"),
        ("Fails on Kafka in this harness", &kafka, "failed"),
        ("Not applicable to a server in another process", &kafka, "not-applicable"),
        ("Not run against Klamm", &klamm, "not-applicable"),
    ] {
        page.push_str(&section(title, rows, status));
    }
    let combined = read(&baseline("cluster-klamm-combined"))?;
    let isolated = read(&baseline("cluster-klamm-isolated"))?;
    page.push('\n');
    page.push_str(CLUSTER_HEAD);
    page.push('\n');
    page.push_str(&table(["combined", "isolated"], [&combined, &isolated]));
    for (title, rows, status) in [
        ("Fails on Klamm in the set `cluster`, combined", &combined, "failed"),
        ("Fails on Klamm in the set `cluster`, isolated", &isolated, "failed"),
        ("Not applicable in the set `cluster`", &combined, "not-applicable"),
    ] {
        page.push_str(&section(title, rows, status));
    }
    fs::write(root().join("docs/conformance.md"), page)?;
    Ok(())
}

/// What passes and fails of each class, for two runs beside each other.
fn table([left, right]: [&str; 2], [left_rows, right_rows]: [&[Row]; 2]) -> String {
    let mut text = format!("| class | {left} passed | failed | n/a | {right} passed | failed | n/a |\n");
    text.push_str("|---|---|---|---|---|---|---|\n");
    let mut classes: BTreeMap<&str, [usize; 6]> = BTreeMap::new();
    for (offset, rows) in [(0, left_rows), (3, right_rows)] {
        for row in rows {
            let column = match row.status.as_str() {
                "passed" => 0,
                "failed" => 1,
                _ => 2,
            };
            classes.entry(row.class()).or_default()[offset + column] += 1;
        }
    }
    let mut sum = [0; 6];
    for (class, counts) in &classes {
        text.push_str(&line(class, counts));
        sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
    }
    text.push_str(&line("**all**", &sum));
    text
}

fn line(name: &str, counts: &[usize; 6]) -> String {
    let cells: Vec<_> = counts.iter().map(usize::to_string).collect();
    format!("| {name} | {} |\n", cells.join(" | "))
}

/// The tests of one status, grouped by reason.
fn section(title: &str, rows: &[Row], status: &str) -> String {
    let mut reasons: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.status == status) {
        let reason: String = row.reason.chars().take(160).collect();
        reasons.entry(reason.replace('|', "/")).or_default().push(&row.test);
    }
    if reasons.is_empty() {
        return String::new();
    }
    let mut text = format!("\n## {title}\n\n");
    for (reason, tests) in reasons {
        let names: Vec<_> = tests.iter().map(|test| format!("`{}`", name(test))).collect();
        text.push_str(&format!("* {reason}: {}\n", names.join(", ")));
    }
    text
}

/// The class without its package, and the method.
fn name(test: &str) -> String {
    let (class, method) = test.split_once('#').unwrap_or((test, ""));
    format!("{}#{method}", class.rsplit('.').next().unwrap_or(class))
}

fn read(path: &Path) -> Result<Vec<Row>> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let mut rows = Vec::new();
    for line in text.lines().skip(1) {
        let mut fields = line.splitn(4, ',');
        let (Some(test), Some(status), _, reason) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let reason = reason.unwrap_or_default().trim_matches('"').replace("\"\"", "\"");
        rows.push(Row { test: test.to_owned(), status: status.to_owned(), reason });
    }
    Ok(rows)
}
