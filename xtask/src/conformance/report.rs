//! docs/conformance.md: what of Kafka's own tests passes, beside Kafka itself.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::node::Product;
use crate::shell::root;

const HEAD: &str = include_str!("head.md");
const CLUSTER_HEAD: &str = include_str!("cluster.md");

/// The sets that are kept once, for Klamm: name and the text above their numbers, in the order of the page.
const ONCE: &[(&str, &str)] =
    &[("coordinators", include_str!("coordinators.md")), ("embedded", include_str!("embedded.md"))];

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
    page.push_str(&table(&[("Kafka", &kafka), ("Klamm", &klamm)]));
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
    page.push_str(&table(&[("combined", &combined), ("isolated", &isolated)]));
    for (title, rows, status) in [
        ("Fails on Klamm in the set `cluster`, combined", &combined, "failed"),
        ("Fails on Klamm in the set `cluster`, isolated", &isolated, "failed"),
        ("Not applicable in the set `cluster`", &combined, "not-applicable"),
    ] {
        page.push_str(&section(title, rows, status));
    }
    for (set, head) in ONCE {
        if baseline(&format!("{set}-klamm")).exists() {
            page.push_str(&kept_once(set, head)?);
        }
    }
    fs::write(root().join("docs/conformance.md"), page)?;
    Ok(())
}

/// The section of a set that is kept once.
fn kept_once(set: &str, head: &str) -> Result<String> {
    let rows = read(&baseline(&format!("{set}-klamm")))?;
    let mut text = format!("\n{head}\n{}", table(&[("Klamm", &rows)]));
    text.push_str(&section(&format!("Fails on Klamm in the set `{set}`"), &rows, "failed"));
    text.push_str(&section(&format!("Not applicable in the set `{set}`"), &rows, "not-applicable"));
    Ok(text)
}

/// What passes and fails of each class, for runs beside each other.
fn table(runs: &[(&str, &[Row])]) -> String {
    let headings: String = runs.iter().map(|(run, _)| format!(" {run} passed | failed | n/a |")).collect();
    let mut text = format!("| class |{headings}\n|---|{}\n", "---|---|---|".repeat(runs.len()));
    let none = vec![0; runs.len() * 3];
    let mut classes: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, (_, rows)) in runs.iter().enumerate() {
        for row in *rows {
            let column = match row.status.as_str() {
                "passed" => 0,
                "failed" => 1,
                _ => 2,
            };
            classes.entry(row.class()).or_insert_with(|| none.clone())[place * 3 + column] += 1;
        }
    }
    let mut sum = none;
    for (class, counts) in &classes {
        text.push_str(&line(class, counts));
        sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
    }
    text.push_str(&line("**all**", &sum));
    text
}

fn line(name: &str, counts: &[usize]) -> String {
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
