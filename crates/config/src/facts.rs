//! The table against the facts that `tests/goldens-config` takes from Kafka's own classes.

use crate::key::{Fallback, KeyDef};
use crate::table::{self, Table};
use crate::valid::Valid;

const FACTS: &str = include_str!("../testdata/kafka-4.3.1.tsv");

fn table_of(area: &str) -> &'static Table {
    match area {
        "broker" | "broker-quota" => &table::BROKER,
        "topic" => &table::TOPIC,
        "group" => &table::GROUP,
        "client-metrics" => &table::CLIENT_METRICS,
        "user-client-quota" | "ip-quota" => &table::QUOTA,
        other => panic!("unknown area {other}"),
    }
}

fn default_text(def: &KeyDef) -> String {
    match def.fallback {
        Fallback::Required => "<none>".to_owned(),
        Fallback::Null => "<null>".to_owned(),
        Fallback::Text(_) => def.default_value().and_then(|v| v.to_text()).unwrap_or_default(),
    }
}

fn valid_text(def: &KeyDef) -> String {
    let name = match def.valid {
        Valid::Any => "",
        Valid::Range { .. } => "Range",
        Valid::OneOf(_) => "ValidString",
        Valid::OneOfIgnoringCase(_) => "CaseInsensitiveValidString",
        Valid::List { .. } => "ValidList",
        Valid::NonEmptyText => "NonEmptyString",
        Valid::NonNull => "NonNullValidator",
        Valid::GzipLevel => "LambdaValidator",
        Valid::Voters => "ControllerQuorumVotersValidator",
        Valid::BootstrapServers => "ControllerQuorumBootstrapServersValidator",
        Valid::ThrottledReplicas => "ThrottledReplicaListValidator",
        Valid::ShareOffsetReset => "Validator",
    };
    let mut text = format!("{name} {}", def.valid.describe());
    if let Valid::List { empty, null, .. } = def.valid {
        text += if empty { " empty" } else { "" };
        text += if null { " null" } else { "" };
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_row_has_kafkas_facts() {
    let mut seen = 0;
    for line in FACTS.lines().filter(|l| !l.starts_with('#')) {
        let mut fields: Vec<&str> = line.split('\t').collect();
        fields.resize(9, "");
        let [area, name, kind, default, valid, importance, update, internal, synonyms] = fields[..] else {
            panic!("{line}")
        };
        let def =
            table_of(area).find(name).unwrap_or_else(|| panic!("{area} key {name} is not in the table"));
        let ours = (def.value_type.name(), default_text(def), valid_text(def), def.importance.name());
        assert_eq!(ours, (kind, default.to_owned(), valid.to_owned(), importance), "{area} key {name}");
        assert_eq!((def.update.name(), def.internal), (update, internal == "true"), "{area} key {name}");
        if matches!(area, "topic" | "group") {
            let with_unit = |(name, factor): &(&str, i64)| format!("{name}*{factor}");
            let ours: Vec<_> = def.synonyms.iter().map(with_unit).collect();
            let theirs = synonyms.split(',').filter(|s| !s.is_empty());
            let theirs: Vec<_> =
                theirs.map(|s| if s.contains('*') { s.to_owned() } else { format!("{s}*1") }).collect();
            assert_eq!(ours, theirs, "{area} key {name}");
        }
        seen += 1;
    }
    let tables = [&table::BROKER, &table::TOPIC, &table::GROUP, &table::CLIENT_METRICS, &table::QUOTA];
    let is_kafkas = |def: &&KeyDef| table::is_of_kafka(def.name);
    let rows: usize = tables.iter().map(|t| t.iter().filter(is_kafkas).count()).sum();
    assert_eq!(rows, seen, "the table has keys that Kafka does not have");
}

#[test]
fn every_default_keeps_its_rule() {
    for def in [&table::BROKER, &table::TOPIC, &table::GROUP, &table::CLIENT_METRICS, &table::QUOTA]
        .iter()
        .flat_map(|t| t.iter())
    {
        if let Fallback::Text(text) = def.fallback {
            def.parse(text).unwrap_or_else(|error| panic!("{error}"));
        }
        assert!(!def.documentation().is_empty(), "{}", def.name);
        for (name, _) in def.synonyms {
            assert!(table::BROKER.find(name).is_some(), "{} falls back to unknown {name}", def.name);
        }
    }
}

/// All sources of the workspace but the tables, which name every key.
fn sources() -> String {
    let mut text = String::new();
    let mut folders = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().flatten() {
            let path = entry.path();
            let name = path.to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if name.ends_with(".rs") && !name.contains("config/src/broker/") {
                let content = std::fs::read_to_string(&path).unwrap();
                let is_table = name.contains("config/src/") && content.contains("keys! {");
                text += if is_table { "" } else { &content };
            }
        }
    }
    text
}

#[test]
fn supported_keys_are_read_somewhere() {
    let sources = sources();
    let is_read = |name: &str| {
        let upper = name.to_uppercase();
        let ident: String = upper.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        sources.contains(&format!("&{ident}")) || sources.contains(&format!("::{ident}"))
    };
    let has_effect_elsewhere = |name: &str| {
        // Read by their text, before there is a config.
        matches!(name, "config.providers")
            || [&table::TOPIC, &table::GROUP]
                .iter()
                .flat_map(|t| t.iter())
                .any(|def| def.supported && def.synonyms.iter().any(|(synonym, _)| *synonym == name))
    };
    for table in [&table::BROKER, &table::TOPIC, &table::GROUP, &table::CLIENT_METRICS, &table::QUOTA] {
        for def in table.iter().filter(|def| def.supported) {
            let name = def.name;
            assert!(
                is_read(name) || has_effect_elsewhere(name),
                "{name} is called supported, yet nobody reads it"
            );
        }
    }
}
