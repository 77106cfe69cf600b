//! Our descriptions against the definitions inside Kafka's published jars, field by field.
//!
//! The definitions are read from the local Maven repository and never committed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use klamm_protocol::VersionRange;
use klamm_protocol::schema::{DefaultValue, FieldSchema, FieldType, Listener, MessageKind, StructSchema};
use serde_json::Value;

use crate::{table, zip};

const ARTIFACTS: [&str; 7] = [
    "kafka-clients",
    "kafka-metadata",
    "kafka-raft",
    "kafka-storage",
    "kafka-group-coordinator",
    "kafka-share-coordinator",
    "kafka-transaction-coordinator",
];

/// All definitions by name, those of removed APIs left out.
fn definitions() -> BTreeMap<String, Value> {
    let folder = match std::env::var_os("KLAMM_KAFKA_JARS") {
        Some(folder) => PathBuf::from(folder),
        None => {
            PathBuf::from(std::env::var_os("HOME").expect("HOME")).join(".m2/repository/org/apache/kafka")
        }
    };
    let mut definitions = BTreeMap::new();
    for artifact in ARTIFACTS {
        let file = format!("{artifact}-4.3.1.jar");
        let candidates = [folder.join(artifact).join("4.3.1").join(&file), folder.join(&file)];
        let jar = candidates.iter().find(|path| path.exists()).unwrap_or_else(|| {
            panic!(
                "no {file} under {}; get it with: mvn -f tests/goldens/pom.xml dependency:resolve \
                 (or name the folder that has it in KLAMM_KAFKA_JARS)",
                folder.display()
            )
        });
        let is_definition = |name: &str| {
            let folder = name.strip_prefix("common/").unwrap_or(name);
            name.ends_with(".json") && (folder.starts_with("message/") || folder.starts_with("metadata/"))
        };
        for (name, text) in zip::files(jar, is_definition) {
            let definition: Value = serde_json::from_str(&without_comments(&text))
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            if text_of(&definition, "validVersions") != Some("none") {
                definitions.insert(text_of(&definition, "name").expect("a name").to_owned(), definition);
            }
        }
    }
    definitions
}

/// JSON as Kafka writes it has comments to the end of the line.
fn without_comments(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let (mut in_string, mut in_comment, mut previous) = (false, false, ' ');
    for character in text.chars() {
        if in_comment {
            in_comment = character != '\n';
        } else if character == '/' && previous == '/' && !in_string {
            plain.pop();
            in_comment = true;
        } else {
            in_string ^= character == '"' && previous != '\\';
            plain.push(character);
        }
        previous = character;
    }
    plain
}

fn text_of<'a>(node: &'a Value, key: &str) -> Option<&'a str> {
    node.get(key).and_then(Value::as_str)
}

fn range(text: Option<&str>) -> VersionRange {
    let number = |text: &str| text.parse().expect("a version");
    match text {
        None | Some("none") => VersionRange::NONE,
        Some(text) => match (text.strip_suffix('+'), text.split_once('-')) {
            (Some(min), _) => VersionRange::new(number(min), i16::MAX),
            (None, Some((min, max))) => VersionRange::new(number(min), number(max)),
            (None, None) => VersionRange::new(number(text), number(text)),
        },
    }
}

#[test]
fn every_message_is_described_as_kafka_defines_it() {
    let mut definitions = definitions();
    for codec in table::all() {
        let schema = codec.schema;
        let definition =
            definitions.remove(schema.name).unwrap_or_else(|| panic!("Kafka has no {}", schema.name));
        let versions = range(text_of(&definition, "validVersions"));
        let flexible = range(text_of(&definition, "flexibleVersions"));
        assert_eq!(schema.versions, versions, "{}", schema.name);
        assert_eq!(schema.flexible.intersect(versions), flexible.intersect(versions), "{}", schema.name);
        assert_eq!(
            schema.key.map(i64::from),
            definition.get("apiKey").and_then(Value::as_i64),
            "{}",
            schema.name
        );
        let kind = match text_of(&definition, "type").expect("a type") {
            "request" => MessageKind::Request,
            "response" => MessageKind::Response,
            "metadata" | "coordinator-key" | "coordinator-value" => MessageKind::Record,
            _ => MessageKind::Plain,
        };
        assert_eq!(schema.kind, kind, "{}", schema.name);
        let unstable = definition.get("latestVersionUnstable").and_then(Value::as_bool).unwrap_or(false);
        assert_eq!(schema.latest_version_unstable, unstable, "{}", schema.name);
        let listeners: Vec<_> = elements(&definition, "listeners").map(listener).collect();
        assert_eq!(schema.listeners, listeners, "{}", schema.name);
        let structs = elements(&definition, "commonStructs")
            .map(|s| (text_of(s, "name").expect("a name"), s))
            .collect();
        Comparison { structs, path: schema.name.to_owned() }.fields(schema.root, &definition, versions);
    }
    assert!(definitions.is_empty(), "missing: {:?}", definitions.keys());
}

fn elements<'a>(node: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    node.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn listener(name: &Value) -> Listener {
    match name.as_str() {
        Some("broker") => Listener::Broker,
        Some("controller") => Listener::Controller,
        other => panic!("unknown listener {other:?}"),
    }
}

struct Comparison<'a> {
    structs: BTreeMap<&'a str, &'a Value>,
    path: String,
}

impl Comparison<'_> {
    /// Compares the fields that exist in `versions`.
    fn fields(&mut self, ours: &StructSchema, theirs: &Value, versions: VersionRange) {
        let there = |field: &VersionRange| !field.intersect(versions).is_empty();
        let theirs: Vec<_> = elements(theirs, "fields").filter(|field| there(&versions_of(field))).collect();
        let ours: Vec<_> = ours.fields.iter().filter(|field| there(&field.versions)).collect();
        let names: Vec<_> = theirs.iter().map(|field| name_of(field)).collect();
        assert_eq!(ours.iter().map(|field| field.name).collect::<Vec<_>>(), names, "{}", self.path);
        for (ours, theirs) in ours.into_iter().zip(theirs) {
            let length = self.path.len();
            self.path.push('.');
            self.path.push_str(ours.name);
            self.field(ours, theirs, versions);
            self.path.truncate(length);
        }
    }

    fn field(&mut self, ours: &FieldSchema, theirs: &Value, versions: VersionRange) {
        let there = versions_of(theirs).intersect(versions);
        assert_eq!(ours.versions.intersect(versions), there, "versions of {}", self.path);
        let nullable = range(text_of(theirs, "nullableVersions"));
        assert_eq!(
            ours.nullable.intersect(there),
            nullable.intersect(there),
            "nullable versions of {}",
            self.path
        );
        assert_eq!(
            ours.tag.map(u64::from),
            theirs.get("tag").and_then(Value::as_u64),
            "tag of {}",
            self.path
        );
        let ignorable = theirs.get("ignorable").and_then(Value::as_bool).unwrap_or(false);
        assert_eq!(ours.ignorable, ignorable, "ignorable of {}", self.path);
        assert_eq!(ours.inflexible, text_of(theirs, "flexibleVersions") == Some("none"), "{}", self.path);
        assert_eq!(ours.default, default_of(theirs, &ours.field_type), "default of {}", self.path);
        self.field_type(&ours.field_type, text_of(theirs, "type").expect("a type"), theirs, there);
    }

    fn field_type(&mut self, ours: &FieldType, name: &str, theirs: &Value, versions: VersionRange) {
        let expect = match ours {
            FieldType::Array(element) => {
                let element_name =
                    name.strip_prefix("[]").unwrap_or_else(|| panic!("{} is no array", self.path));
                return self.field_type(element, element_name, theirs, versions);
            }
            FieldType::Struct(schema) => {
                // Of two structs of one name in a file, ours have the message's name in front.
                assert!(schema.name.ends_with(name), "{} is {}, not {name}", self.path, schema.name);
                let definition = self.structs.get(name).copied().unwrap_or(theirs);
                return self.fields(schema, definition, versions);
            }
            FieldType::Bool => "bool",
            FieldType::Int8 => "int8",
            FieldType::Int16 => "int16",
            FieldType::UInt16 => "uint16",
            FieldType::Int32 => "int32",
            FieldType::UInt32 => "uint32",
            FieldType::Int64 => "int64",
            FieldType::Float64 => "float64",
            FieldType::Uuid => "uuid",
            FieldType::String => "string",
            FieldType::Bytes => "bytes",
            FieldType::Records => "records",
        };
        assert_eq!(expect, name, "type of {}", self.path);
    }
}

/// A tagged field may name its versions only once.
fn versions_of(field: &Value) -> VersionRange {
    range(text_of(field, "versions").or_else(|| text_of(field, "taggedVersions")))
}

/// Some definitions write a field's first letter small; Kafka's generator takes both for the same.
fn name_of(field: &Value) -> String {
    let mut letters = text_of(field, "name").expect("a name").chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

fn default_of(field: &Value, field_type: &FieldType) -> DefaultValue {
    let text = match field.get("default") {
        None | Some(Value::Null) => return DefaultValue::Zero,
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    match field_type {
        _ if text == "null" => DefaultValue::Null,
        FieldType::Bool if text == "true" => DefaultValue::Bool(true),
        FieldType::Bool => DefaultValue::Zero,
        FieldType::String if text.is_empty() => DefaultValue::Zero,
        FieldType::String => panic!("a text as default: {text}"),
        _ => {
            let number = match text.strip_prefix("0x") {
                Some(digits) => i64::from_str_radix(digits, 16),
                None => text.parse(),
            };
            match number.expect("a number") {
                0 => DefaultValue::Zero,
                number => DefaultValue::Int(number),
            }
        }
    }
}
