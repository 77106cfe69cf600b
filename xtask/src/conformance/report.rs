//! docs/conformance.md: what of Kafka's own tests passes, beside Kafka itself.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::node::Product;
use crate::shell::root;

const HEAD: &str = include_str!("head.md");

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

/// Where the results of a set are kept.
pub(super) fn kept(product: Product) -> PathBuf {
    let name = format!("tests/conformance/baseline/one-node-{}.csv", format!("{product:?}").to_lowercase());
    root().join(name)
}

/// Writes the page from the kept results.
pub(crate) fn write() -> Result<()> {
    let kafka = read(Product::Kafka)?;
    let klamm = read(Product::Klamm).unwrap_or_default();
    let mut page = HEAD.to_owned();
    page.push_str("\n## Numbers\n\n| class | Kafka passed | failed | n/a | Klamm passed | failed | n/a |\n");
    page.push_str("|---|---|---|---|---|---|---|\n");
    let mut classes: BTreeMap<&str, [usize; 6]> = BTreeMap::new();
    for (offset, rows) in [(0, &kafka), (3, &klamm)] {
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
        page.push_str(&line(class, counts));
        sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
    }
    page.push_str(&line("**all**", &sum));
    for (title, rows, status) in [
        ("Fails on Klamm", &klamm, "failed"),
        ("Fails on Kafka in this harness", &kafka, "failed"),
        ("Not applicable to a server in another process", &kafka, "not-applicable"),
        ("Not run against Klamm", &klamm, "not-applicable"),
    ] {
        page.push_str(&section(title, rows, status));
    }
    fs::write(root().join("docs/conformance.md"), page)?;
    Ok(())
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

fn read(product: Product) -> Result<Vec<Row>> {
    let path = kept(product);
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
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
