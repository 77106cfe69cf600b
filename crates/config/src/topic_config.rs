//! What holds for one topic, or one group: its own keys, else the broker's keys that stand behind them.

use std::collections::{BTreeMap, BTreeSet};

use crate::broker_config::BrokerConfig;
use crate::error::ConfigError;
use crate::key::{Key, KeyDef};
use crate::table::{self, Table, Values};
use crate::value::{ConfigType, Value};

/// The complete config of a topic on one broker.
#[derive(Debug, Clone, PartialEq)]
pub struct TopicConfig {
    values: Values,
    overridden: BTreeSet<&'static str>,
}

impl TopicConfig {
    /// Puts the topic's own keys over the broker's defaults. Own keys that cannot be parsed or are not allowed do not
    /// count and come back as errors: they can only stem from another version, since nobody can set them.
    pub fn resolve(broker: &BrokerConfig, own: &BTreeMap<String, String>) -> (Self, Vec<ConfigError>) {
        let (values, overridden, errors) = resolve(&table::TOPIC, broker, own);
        (Self { values, overridden }, errors)
    }

    /// The value of a key.
    pub fn get<T: ConfigType>(&self, key: &Key<T>) -> T {
        self.values.get(key)
    }

    /// Whether the topic has a value of its own for a key.
    pub fn is_overridden<T: ConfigType>(&self, key: &Key<T>) -> bool {
        self.overridden.contains(key.name())
    }

    /// Size at which a new segment is started, in bytes.
    pub fn segment_bytes(&self) -> i32 {
        let internal = self.get(&crate::topic::INTERNAL_SEGMENT_BYTES);
        internal.unwrap_or_else(|| self.get(&crate::topic::SEGMENT_BYTES))
    }

    /// All values, by the keys' names.
    pub fn values(&self) -> &Values {
        &self.values
    }
}

/// The complete config of a group on one broker.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupConfig {
    values: Values,
    overridden: BTreeSet<&'static str>,
}

impl GroupConfig {
    /// Puts the group's own keys over the broker's defaults, held within the broker's bounds, which may have become
    /// narrower since. Own keys that are not allowed do not count and come back as errors.
    pub fn resolve(broker: &BrokerConfig, own: &BTreeMap<String, String>) -> (Self, Vec<ConfigError>) {
        let clamped = crate::alter::group::clamp(broker, own);
        let (values, overridden, errors) = resolve(&table::GROUP, broker, &clamped);
        (Self { values, overridden }, errors)
    }

    /// The value of a key.
    pub fn get<T: ConfigType>(&self, key: &Key<T>) -> T {
        self.values.get(key)
    }

    /// Whether the group has a value of its own for a key.
    pub fn is_overridden<T: ConfigType>(&self, key: &Key<T>) -> bool {
        self.overridden.contains(key.name())
    }

    /// All values, by the keys' names.
    pub fn values(&self) -> &Values {
        &self.values
    }
}

fn resolve(
    table: &Table,
    broker: &BrokerConfig,
    own: &BTreeMap<String, String>,
) -> (Values, BTreeSet<&'static str>, Vec<ConfigError>) {
    let mut overridden = BTreeSet::new();
    let mut errors = Vec::new();
    let mut values = rustc_hash::FxHashMap::default();
    for def in table.iter() {
        let mut value = broker_value(broker, def);
        match own.get(def.name).map(|text| def.parse(text)) {
            Some(Ok(own)) => {
                overridden.insert(def.name);
                value = own;
            }
            Some(Err(error)) => errors.push(error),
            None => {}
        }
        values.insert(def.name, value);
    }
    (Values::of(values), overridden, errors)
}

/// What a broker gives a key of a topic or group: the first of its synonyms that has a value, in the key's unit.
pub(crate) fn broker_value(broker: &BrokerConfig, def: &KeyDef) -> Value {
    let synonyms =
        def.synonyms.iter().filter_map(|(name, factor)| Some((broker.values().value(name)?, *factor)));
    for (value, factor) in synonyms {
        let value = match (value, def.value_type) {
            (Value::Null, _) => continue,
            (Value::Int(n), crate::value::Type::Long) => Value::Long(i64::from(*n).saturating_mul(factor)),
            (Value::Long(n), _) => Value::Long(n.saturating_mul(factor)),
            (other, _) => other.clone(),
        };
        // Any negative retention means none, and hours have become a large negative number here.
        return match value {
            Value::Long(n) if n < 0 && def.name == crate::topic::RETENTION_MS.def.name => Value::Long(-1),
            other => other,
        };
    }
    def.default_value().unwrap_or(Value::Null)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker_config::tests::config;
    use crate::topic;

    fn own(keys: &[(&str, &str)]) -> BTreeMap<String, String> {
        keys.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn own_keys_then_the_brokers_in_their_units() {
        let broker =
            config("log.retention.hours=2\nlog.segment.bytes=2097152\nlog.roll.jitter.hours=1").unwrap();
        let (topic, errors) = TopicConfig::resolve(&broker, &own(&[("segment.ms", "5"), ("flush.ms", "x")]));
        assert_eq!(topic.get(&topic::RETENTION_MS), 7_200_000);
        assert_eq!(topic.get(&topic::SEGMENT_JITTER_MS), 3_600_000);
        assert_eq!(topic.segment_bytes(), 2_097_152);
        assert_eq!(topic.get(&topic::SEGMENT_MS), 5);
        assert_eq!(topic.get(&topic::FLUSH_MS), i64::MAX);
        assert!(topic.is_overridden(&topic::SEGMENT_MS) && !topic.is_overridden(&topic::RETENTION_MS));
        assert_eq!(errors.len(), 1, "{errors:?}");
    }

    #[test]
    fn negative_retention_is_no_retention() {
        let broker = config("log.retention.hours=-1").unwrap();
        assert_eq!(TopicConfig::resolve(&broker, &own(&[])).0.get(&topic::RETENTION_MS), -1);
    }

    #[test]
    fn groups_are_held_within_the_brokers_bounds() {
        let broker = config("group.consumer.max.session.timeout.ms=50000").unwrap();
        let (group, _) = GroupConfig::resolve(&broker, &own(&[("consumer.session.timeout.ms", "60000")]));
        assert_eq!(group.get(&crate::group::CONSUMER_SESSION_TIMEOUT_MS), 50_000);
        let broker = config("group.consumer.session.timeout.ms=46000").unwrap();
        let (group, _) = GroupConfig::resolve(&broker, &own(&[]));
        assert_eq!(group.get(&crate::group::CONSUMER_SESSION_TIMEOUT_MS), 46_000);
    }
}
