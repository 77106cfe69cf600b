//! The reference pages, and the text about one key, made from the table.

use std::fmt::Write as _;

use crate::key::{Fallback, KeyDef, Update};
use crate::table;

/// A page of the reference: file name in `docs/reference` and text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// File name, with `.md`.
    pub file: &'static str,
    /// The whole page.
    pub text: String,
}

const NOTE: &str = "Made from the table in `crates/config` by `klamm config --markdown`; to be changed there.\n\
    *Effect* says whether the key does in Klamm what it does in Kafka, or why there is nothing for it to do; keys without \
    effect are accepted and kept.\n";

/// All pages.
pub fn pages() -> Vec<Page> {
    vec![
        Page { file: "broker-configs.md", text: broker_page() },
        Page {
            file: "topic-configs.md",
            text: resource_page(
                "Configs of topics",
                "Set when a topic is created, or with `klamm configs --entity-type topics`. What a topic does not set comes \
                 from the broker's key named under *else*.",
                table::TOPIC.iter(),
            ),
        },
        Page {
            file: "group-configs.md",
            text: resource_page(
                "Configs of groups",
                "Set with `klamm configs --entity-type groups`. What a group does not set comes from the broker's key named \
                 under *else*.",
                table::GROUP.iter(),
            ),
        },
        Page {
            file: "other-configs.md",
            text: resource_page(
                "Configs of client metrics subscriptions and quota entities",
                "Set with `klamm configs`, entity types `client-metrics`, `users`, `clients` and `ips`.",
                table::CLIENT_METRICS.iter().chain(table::QUOTA.iter()),
            ),
        },
    ]
}

/// Keys that are accepted and have no effect in Klamm, by table: heading and names, with the reason where there is one.
pub fn unsupported() -> Vec<(&'static str, Vec<String>)> {
    let line = |def: &KeyDef| match def.moot {
        "" => def.name.to_owned(),
        why => format!("{} ({why})", def.name),
    };
    [
        ("broker", &table::BROKER),
        ("topic", &table::TOPIC),
        ("group", &table::GROUP),
        ("client metrics", &table::CLIENT_METRICS),
        ("quota", &table::QUOTA),
    ]
    .into_iter()
    .map(|(heading, table)| (heading, table.iter().filter(|d| !d.supported).map(line).collect()))
    .collect()
}

/// What the table says about the keys of that name; empty if no table has it.
pub fn explain(name: &str) -> String {
    let mut text = String::new();
    let tables = [
        ("broker", &table::BROKER),
        ("topic", &table::TOPIC),
        ("group", &table::GROUP),
        ("client metrics", &table::CLIENT_METRICS),
        ("quota", &table::QUOTA),
    ];
    for (kind, table) in tables {
        let Some(def) = table.find(name) else { continue };
        let _ = writeln!(text, "{name} ({kind})\n  {}", def.documentation());
        for (what, value) in facts(def) {
            let _ = writeln!(text, "  {:<13} {value}", format!("{what}:"));
        }
    }
    text
}

/// Names like the given one, for a hint when a name is not known.
pub fn similar(name: &str) -> Vec<&'static str> {
    let words: Vec<&str> = name.split(['.', '_', '-']).filter(|w| w.len() > 2).collect();
    let keys = table::BROKER.iter().chain(table::TOPIC.iter()).chain(table::GROUP.iter());
    let mut found: Vec<_> = keys
        .map(|def| (words.iter().filter(|w| def.name.contains(**w)).count(), def.name))
        .filter(|(count, _)| *count > 0 && *count * 2 >= words.len())
        .collect();
    found.sort_by_key(|(count, name)| (usize::MAX - count, name.len(), *name));
    found.dedup();
    found.into_iter().map(|(_, name)| name).take(5).collect()
}

fn facts(def: &KeyDef) -> Vec<(&'static str, String)> {
    let mut facts = vec![("type", def.value_type.name().to_lowercase()), ("default", default_text(def))];
    let valid = def.valid.describe();
    if !valid.is_empty() {
        facts.push(("valid", valid));
    }
    if !def.synonyms.is_empty() {
        facts.push(("else", synonyms_text(def)));
    }
    if def.update != Update::Resource {
        facts.push(("update", def.update.name().to_owned()));
    }
    facts.push(("importance", def.importance.name().to_lowercase()));
    facts.push((
        "effect",
        match (def.supported, def.moot) {
            (true, _) => "yes".to_owned(),
            (false, "") => "not yet".to_owned(),
            (false, why) => format!("none: {why}"),
        },
    ));
    facts
}

fn synonyms_text(def: &KeyDef) -> String {
    let with_unit = |(name, factor): &(&str, i64)| match factor {
        1 => (*name).to_owned(),
        factor => format!("{name} x {factor}"),
    };
    def.synonyms.iter().map(with_unit).collect::<Vec<_>>().join(", ")
}

fn default_text(def: &KeyDef) -> String {
    match def.fallback {
        Fallback::Required => "none, must be set".to_owned(),
        Fallback::Null => "not set".to_owned(),
        Fallback::Text("") => "empty".to_owned(),
        Fallback::Text(text) => text.to_owned(),
    }
}

/// A text in a cell of a Markdown table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}

fn table_head(page: &mut String, columns: &[&str]) {
    let _ = writeln!(page, "| {} |\n|{}", columns.join(" | "), "---|".repeat(columns.len()));
}

fn common_cells(def: &KeyDef) -> String {
    format!(
        "`{}` | {} | {} | {} | {}",
        def.name,
        cell(&def.documentation()),
        def.value_type.name().to_lowercase(),
        cell(&default_text(def)),
        cell(&def.valid.describe())
    )
}

fn effect(def: &KeyDef) -> String {
    match (def.supported, def.moot) {
        (true, _) => "yes".to_owned(),
        (false, "") => String::new(),
        (false, why) => format!("none: {}", cell(why)),
    }
}

fn broker_page() -> String {
    let mut page = format!(
        "# Configs of brokers and controllers\n\n{NOTE}*Update*: read-only keys stand in the properties file; per-broker and \
         cluster-wide ones may be altered at run time. Keys marked *internal* are for tests.\n"
    );
    for (area, defs) in crate::broker::AREAS.iter().copied() {
        let mut defs: Vec<_> = defs.to_vec();
        defs.sort_by_key(|def| def.name);
        let _ = writeln!(page, "\n## {}\n", heading(area));
        table_head(&mut page, &["Key", "What it does", "Type", "Default", "Valid", "Update", "Effect"]);
        for def in defs {
            let internal = if def.internal { ", internal" } else { "" };
            let _ = writeln!(
                page,
                "| {} | {}{internal} | {} |",
                common_cells(def),
                def.update.name(),
                effect(def)
            );
        }
    }
    page
}

fn heading(area: &str) -> String {
    let mut letters = area.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn resource_page(title: &str, lead: &str, defs: impl Iterator<Item = &'static KeyDef>) -> String {
    let mut page = format!("# {title}\n\n{NOTE}{lead}\n\n");
    table_head(&mut page, &["Key", "What it does", "Type", "Default", "Valid", "Else", "Effect"]);
    for def in defs {
        let _ = writeln!(page, "| {} | {} | {} |", common_cells(def), cell(&synonyms_text(def)), effect(def));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `KLAMM_UPDATE_DOCS=1 cargo test -p klamm-config` writes the pages.
    #[test]
    fn the_pages_are_up_to_date() {
        let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/");
        for page in pages() {
            let path = format!("{dir}{}", page.file);
            if std::env::var_os("KLAMM_UPDATE_DOCS").is_some() {
                std::fs::create_dir_all(dir).unwrap();
                std::fs::write(&path, &page.text).unwrap();
            }
            let written = std::fs::read_to_string(&path).unwrap_or_default();
            let hint = "is old; KLAMM_UPDATE_DOCS=1 cargo test -p klamm-config writes it";
            assert!(written == page.text, "docs/reference/{} {hint}", page.file);
        }
    }

    #[test]
    fn a_key_is_explained() {
        let text = explain("retention.ms");
        for part in ["retention.ms (topic)", "604800000", "log.retention.hours x 3600000", "[-1,...]"] {
            assert!(text.contains(part), "{text}");
        }
        let text = explain("group.coordinator.append.linger.ms");
        assert!(text.contains("none: records are written at once"), "{text}");
        assert_eq!(explain("no.such.key"), "");
        assert!(similar("log.retention.hour").contains(&"log.retention.hours"));
    }
}
