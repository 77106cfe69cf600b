//! Finding keys by name, and a table's values.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use rustc_hash::FxHashMap;

use crate::error::ConfigError;
use crate::key::{Key, KeyDef};
use crate::value::{ConfigType, Value};

/// The keys of one kind of resource, by name.
#[derive(Debug)]
pub struct Table {
    keys: BTreeMap<&'static str, &'static KeyDef>,
}

impl Table {
    fn new(defs: impl Iterator<Item = &'static KeyDef>) -> Self {
        Self { keys: defs.map(|def| (def.name, def)).collect() }
    }

    /// The key of that name.
    pub fn find(&self, name: &str) -> Option<&'static KeyDef> {
        self.keys.get(name).copied()
    }

    /// All keys, by name.
    pub fn iter(&self) -> impl Iterator<Item = &'static KeyDef> {
        self.keys.values().copied()
    }
}

/// Keys of brokers and controllers.
pub static BROKER: LazyLock<Table> = LazyLock::new(|| Table::new(crate::broker::all()));
/// Keys of topics.
pub static TOPIC: LazyLock<Table> = LazyLock::new(|| Table::new(crate::topic::DEFS.iter().copied()));
/// Keys of groups.
pub static GROUP: LazyLock<Table> = LazyLock::new(|| Table::new(crate::group::DEFS.iter().copied()));
/// Keys of client metrics subscriptions.
pub static CLIENT_METRICS: LazyLock<Table> =
    LazyLock::new(|| Table::new(crate::client_metrics::DEFS.iter().copied()));
/// Keys of quota entities.
pub static QUOTA: LazyLock<Table> = LazyLock::new(|| Table::new(crate::quota::DEFS.iter().copied()));

/// Keys that Kafka 4.4 brings and 4.3 does not have (KIP-1191).
const OF_KAFKA_4_4: [&str; 5] = [
    "errors.deadletterqueue.auto.create.topics.enable",
    "errors.deadletterqueue.copy.record.enable",
    "errors.deadletterqueue.group.enable",
    "errors.deadletterqueue.topic.name",
    "errors.deadletterqueue.topic.name.prefix",
];

/// Whether Kafka 4.3 has the key.
pub(crate) fn is_of_kafka(name: &str) -> bool {
    !name.starts_with("klamm.") && !OF_KAFKA_4_4.contains(&name)
}

/// A value for every key of a table. Looking one up takes a few nanoseconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Values(FxHashMap<&'static str, Value>);

impl Values {
    /// Parses what is set and adds defaults. Keys unknown to the table are passed over. Everything wrong is reported.
    pub fn parse(table: &Table, set: &BTreeMap<String, String>) -> Result<Self, Vec<ConfigError>> {
        let mut values = FxHashMap::default();
        let mut errors = Vec::new();
        for def in table.iter() {
            let parsed = match set.get(def.name) {
                Some(text) => def.parse(text),
                None => def.default_value().ok_or(ConfigError::Missing { key: def.name }),
            };
            match parsed {
                Ok(value) => drop(values.insert(def.name, value)),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(Self(values)) } else { Err(errors) }
    }

    pub(crate) fn of(values: FxHashMap<&'static str, Value>) -> Self {
        Self(values)
    }

    /// The value of a key of the table.
    pub fn get<T: ConfigType>(&self, key: &Key<T>) -> T {
        self.0
            .get(key.def.name)
            .and_then(T::from_value)
            .expect("the table has the key, and a value of its type")
    }

    /// The value of the key of that name, if the table has one.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }
}
