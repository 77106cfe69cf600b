//! The flag `supported` of config keys against the code that reads them.

use std::collections::BTreeSet;

use super::files::{fail_with, files, read};

/// Where the tables are: a mention there is no use.
const TABLES: &[&str] = &[
    "crates/config/src/broker/",
    "crates/config/src/topic.rs",
    "crates/config/src/group.rs",
    "crates/config/src/client_metrics.rs",
    "crates/config/src/quota.rs",
];

/// Keys that some code looks at without giving them their effect, each with the reason.
const ONLY_LOOKED_AT: &[(&str, &str)] =
    &[("connection_creation_rate", "the controller checks which entities may have it")];

/// A row of a table.
struct Row {
    ident: String,
    key: String,
    supported: bool,
    /// The keys it falls back to.
    synonyms: Vec<String>,
}

fn is_table(name: &str) -> bool {
    TABLES.iter().any(|table| name.starts_with(table))
}

/// The rows of a file: `IDENT: type = "key", ...;`, each on one line.
fn rows(text: &str) -> Vec<Row> {
    let row = |line: &str| {
        let (ident, rest) = line.trim().split_once(": ")?;
        let is_ident = ident.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        let rest = rest.strip_suffix(';').filter(|_| is_ident)?;
        let (key, rest) = rest.split_once("= \"")?.1.split_once('"')?;
        let synonyms = rest.split_once("from(&[").map_or("", |(_, from)| from);
        let synonyms = synonyms.split("(\"").skip(1).filter_map(|from| from.split_once('"'));
        Some(Row {
            ident: ident.to_owned(),
            key: key.to_owned(),
            supported: rest.rsplit(", ").any(|flag| flag == "supported"),
            synonyms: synonyms.map(|(name, _)| name.to_owned()).collect(),
        })
    };
    text.lines().filter_map(row).collect()
}

/// The identifiers and string literals of one line or file.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && !"_.-".contains(c))
}

#[test]
fn a_key_is_supported_if_it_is_read() {
    let is_source = |name: &&String| {
        name.starts_with("crates/") && !name.contains("/tests") && !name.contains("/examples/")
    };
    let sources = files(".rs");
    let (tables, others): (Vec<_>, Vec<_>) =
        sources.iter().filter(is_source).partition(|name| is_table(name));
    let rows: Vec<Row> = tables.iter().flat_map(|name| rows(&read(name))).collect();
    assert!(rows.len() > 300, "the tables of config keys are not where they were");
    let mut read_by_node = BTreeSet::new();
    let mut mentioned = BTreeSet::new();
    for name in others {
        let text = read(name);
        let set = if name.starts_with("crates/config/") { &mut mentioned } else { &mut read_by_node };
        set.extend(words(&text).filter(|word| word.len() > 3).map(str::to_owned));
    }
    let passed_on: BTreeSet<&String> =
        rows.iter().filter(|row| row.supported).flat_map(|row| &row.synonyms).collect();
    let mut wrong = Vec::new();
    for row in &rows {
        let is_read = read_by_node.contains(&row.ident);
        let is_named = is_read
            || [&row.ident, &row.key].iter().any(|word| mentioned.contains(*word))
            || read_by_node.contains(&row.key);
        if row.supported && !is_named && !passed_on.contains(&row.key) {
            wrong.push(format!("{} is marked as supported, but nothing reads {}", row.key, row.ident));
        }
        let is_excused = ONLY_LOOKED_AT.iter().any(|(key, _)| *key == row.key);
        if !row.supported && is_read && !is_excused {
            wrong.push(format!(
                "{} is read ({}), but not marked as supported in its table: mark it when it has its effect, or say in \
                 xtask/src/tidy/configs.rs why it is only looked at",
                row.key, row.ident
            ));
        }
    }
    fail_with(&wrong);
}
