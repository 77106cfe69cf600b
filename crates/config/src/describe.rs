//! What DescribeConfigs answers: value, source and synonyms of every key of a resource.

use std::collections::BTreeMap;

use crate::broker_config::BrokerConfig;
use crate::key::{KeyDef, Update};
use crate::names::{is_dynamic_only, listener_base_key, unit_synonyms};
use crate::table;
use crate::topic_config::broker_value;
use crate::value::{Type, Value};

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Set on the topic.
    Topic,
    /// Altered at run time for this broker.
    DynamicBroker,
    /// Altered at run time for all brokers.
    DynamicDefaultBroker,
    /// In the broker's properties file.
    StaticBroker,
    /// Nowhere.
    Default,
    /// A level set on a logger.
    BrokerLogger,
    /// Set on the client metrics subscription.
    ClientMetrics,
    /// Set on the group.
    Group,
}

impl Source {
    /// The code in responses.
    pub fn code(self) -> i8 {
        match self {
            Self::Topic => 1,
            Self::DynamicBroker => 2,
            Self::DynamicDefaultBroker => 3,
            Self::StaticBroker => 4,
            Self::Default => 5,
            Self::BrokerLogger => 6,
            Self::ClientMetrics => 7,
            Self::Group => 8,
        }
    }
}

/// One place at which a key, or one that it falls back to, has a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedSynonym {
    /// The key there.
    pub name: String,
    /// The value there; `None` if sensitive.
    pub value: Option<String>,
    /// The place.
    pub source: Source,
}

/// One key of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// The key.
    pub name: String,
    /// The value that holds; `None` if there is none, or it is sensitive.
    pub value: Option<String>,
    /// Where it comes from.
    pub source: Source,
    /// Whether it cannot be altered at run time.
    pub read_only: bool,
    /// Whether its value is never shown.
    pub sensitive: bool,
    /// All places with a value, the one that holds first.
    pub synonyms: Vec<DescribedSynonym>,
    /// Type of the value, if the key is known.
    pub value_type: Option<Type>,
    /// What the key does, if it is known.
    pub documentation: Option<String>,
}

impl Described {
    /// The type's code in responses; 0 if the key is unknown.
    pub fn type_code(&self) -> i8 {
        self.value_type.map_or(0, Type::code)
    }
}

/// Keys of a topic.
pub fn topic(broker: &BrokerConfig, own: &BTreeMap<String, String>) -> Vec<Described> {
    let known = table::TOPIC.iter().filter(|def| is_listed_of_resource(def, own));
    let known = known.map(|def| {
        let behind = def.synonyms.first().map(|(name, _)| broker_synonyms(broker, name)).unwrap_or_default();
        resource_key(def, own, Source::Topic, broker_value(broker, def), behind)
    });
    known.chain(unknown(own, |name| table::TOPIC.find(name).is_some(), Source::Topic)).collect()
}

/// Keys of a group.
pub fn group(broker: &BrokerConfig, own: &BTreeMap<String, String>) -> Vec<Described> {
    let known = table::GROUP.iter().filter(|def| is_listed_of_resource(def, own)).map(|def| {
        let behind = match def.synonyms.first() {
            Some((name, _)) => broker_synonyms(broker, name),
            None => vec![DescribedSynonym {
                name: def.name.to_owned(),
                value: def.default_value().and_then(|v| v.to_text()),
                source: Source::Default,
            }],
        };
        resource_key(def, own, Source::Group, broker_value(broker, def), behind)
    });
    known.chain(unknown(own, |name| table::GROUP.find(name).is_some(), Source::Group)).collect()
}

/// Keys of a client metrics subscription.
pub fn client_metrics(own: &BTreeMap<String, String>) -> Vec<Described> {
    let default = |def: &KeyDef| def.default_value().unwrap_or(Value::Null);
    table::CLIENT_METRICS
        .iter()
        .map(|def| resource_key(def, own, Source::ClientMetrics, default(def), Vec::new()))
        .collect()
}

/// Keys of a broker: all that are not internal, and whatever else is set.
pub fn broker(config: &BrokerConfig) -> Vec<Described> {
    let mut names: BTreeMap<&str, Option<String>> = BTreeMap::new();
    for set in [config.originals(), config.dynamic_defaults(), config.dynamic()] {
        names.extend(set.iter().map(|(name, value)| (name.as_str(), Some(value.clone()))));
    }
    for def in table::BROKER.iter().filter(|def| is_listed(def)) {
        names.insert(def.name, config.values().value(def.name).and_then(Value::to_text));
    }
    names.into_iter().map(|(name, value)| broker_key(config, name, value, |_| true)).collect()
}

/// Keys altered at run time for all brokers.
pub fn broker_defaults(config: &BrokerConfig) -> Vec<Described> {
    let only = |source| source == Source::DynamicDefaultBroker;
    let set = config.dynamic_defaults().iter();
    set.map(|(name, value)| broker_key(config, name, Some(value.clone()), only)).collect()
}

/// A topic's config in the answer to its creation: from the properties as they stand, without the broker's checks.
/// `defaults` and `node` are what was altered at run time for all brokers and for the active controller.
pub fn created_topic(
    file: &BTreeMap<String, String>,
    defaults: &BTreeMap<String, String>,
    node: &BTreeMap<String, String>,
    own: &BTreeMap<String, String>,
) -> Vec<Described> {
    let keys = table::TOPIC.iter().filter(|def| is_listed_of_resource(def, own));
    keys.map(|def| {
        let places = [
            (node, Source::DynamicBroker),
            (defaults, Source::DynamicDefaultBroker),
            (file, Source::StaticBroker),
        ];
        let behind = || {
            let mut found = places.iter().flat_map(|(set, source)| {
                let values =
                    def.synonyms.iter().filter_map(|(name, factor)| Some((set.get(*name)?, *factor)));
                values.map(|(text, factor)| (convert(text, factor), *source))
            });
            found.next()
        };
        let (value, source) = match own.get(def.name) {
            Some(text) => (Some(text.clone()), Source::Topic),
            None => match behind() {
                Some((text, source)) => (Some(text), source),
                None => (def.default_value().and_then(|v| v.to_text()), Source::Default),
            },
        };
        described(def, value, source, Vec::new())
    })
    .collect()
}

fn convert(text: &str, factor: i64) -> String {
    match text.trim().parse::<i64>() {
        Ok(n) if factor != 1 => n.saturating_mul(factor).to_string(),
        _ => text.to_owned(),
    }
}

/// Keys that are listed although they are not set: Kafka's.
fn is_listed(def: &KeyDef) -> bool {
    !def.internal && table::is_of_kafka(def.name) && !is_dynamic_only(def.name)
}

/// Keys of topics and groups that are listed: those that are not set only if they are those of Kafka 4.3, whose clients count them.
fn is_listed_of_resource(def: &KeyDef, own: &BTreeMap<String, String>) -> bool {
    own.contains_key(def.name) || (!def.internal && table::is_of_kafka(def.name))
}

fn described(
    def: &KeyDef,
    value: Option<String>,
    source: Source,
    synonyms: Vec<DescribedSynonym>,
) -> Described {
    Described {
        name: def.name.to_owned(),
        value: if def.is_sensitive() { None } else { value },
        source,
        read_only: false,
        sensitive: def.is_sensitive(),
        synonyms,
        value_type: Some(def.value_type),
        documentation: Some(def.documentation()),
    }
}

fn resource_key(
    def: &KeyDef,
    own: &BTreeMap<String, String>,
    own_source: Source,
    behind: Value,
    mut synonyms: Vec<DescribedSynonym>,
) -> Described {
    let own = own.get(def.name);
    let parsed = own.and_then(|text| def.parse(text).ok());
    let value = parsed.unwrap_or(behind).to_text();
    if own.is_some() {
        let own = DescribedSynonym { name: def.name.to_owned(), value: value.clone(), source: own_source };
        synonyms.insert(0, own);
    }
    let source = synonyms.first().map_or(Source::Default, |s| s.source);
    described(def, value, source, synonyms)
}

/// Keys of a resource that the table does not have. Whether they are sensitive is unknown, so they count as such.
fn unknown<'a>(
    own: &'a BTreeMap<String, String>,
    is_known: impl Fn(&str) -> bool + 'a,
    source: Source,
) -> impl Iterator<Item = Described> + 'a {
    own.keys().filter(move |name| !is_known(name)).map(move |name| Described {
        name: name.clone(),
        value: None,
        source,
        read_only: false,
        sensitive: true,
        synonyms: vec![DescribedSynonym { name: name.clone(), value: None, source }],
        value_type: None,
        documentation: None,
    })
}

fn broker_key(
    config: &BrokerConfig,
    name: &str,
    value: Option<String>,
    is_shown: impl Fn(Source) -> bool,
) -> Described {
    let exact = table::BROKER.find(name);
    let typed = exact.or_else(|| listener_base_key(name));
    let sensitive = typed.is_none_or(KeyDef::is_sensitive);
    let mut synonyms = broker_synonyms(config, name);
    synonyms.retain(|s| is_shown(s.source));
    Described {
        name: name.to_owned(),
        value: if sensitive { None } else { value },
        source: synonyms.first().map_or(Source::Default, |s| s.source),
        read_only: exact.is_none_or(|def| def.update == Update::ReadOnly),
        sensitive,
        synonyms,
        value_type: typed.map(|def| def.value_type),
        documentation: exact.map(KeyDef::documentation),
    }
}

/// Every place with a value of a broker's key or its synonyms, from the first at which the key itself has one. So a key
/// that is only set through a synonym has none: Kafka then calls its source the default, and so do we.
fn broker_synonyms(config: &BrokerConfig, name: &str) -> Vec<DescribedSynonym> {
    let names = synonym_names(name);
    let places = [
        (config.dynamic(), Source::DynamicBroker),
        (config.dynamic_defaults(), Source::DynamicDefaultBroker),
        (config.originals(), Source::StaticBroker),
    ];
    let typed = table::BROKER.find(name).or_else(|| listener_base_key(name));
    let sensitive = typed.is_none_or(KeyDef::is_sensitive);
    let shown = |value: &str| if sensitive { None } else { Some(value.to_owned()) };
    let mut found = Vec::new();
    for (set, source) in places {
        let set = names.iter().filter_map(|name| Some((name, set.get(name)?)));
        found.extend(set.map(|(name, value)| DescribedSynonym {
            name: name.clone(),
            value: shown(value),
            source,
        }));
    }
    for name in &names {
        let Some(def) = table::BROKER.find(name).filter(|def| is_listed(def) || def.internal) else {
            continue;
        };
        if let Some(text) = def.default_value().and_then(|v| v.to_text()) {
            found.push(DescribedSynonym { name: name.clone(), value: shown(&text), source: Source::Default });
        }
    }
    let first = found.iter().position(|s| s.name == name).unwrap_or(found.len());
    found.split_off(first)
}

/// A broker's key and those that may stand for it, the most exact first.
fn synonym_names(name: &str) -> Vec<String> {
    let units = unit_synonyms(name);
    if !units.is_empty() {
        return units.iter().map(|n| (*n).to_owned()).collect();
    }
    let base =
        name.strip_prefix("listener.name.").and_then(|rest| rest.split_once('.')).map(|(_, base)| base);
    match base {
        Some(base) => {
            let known = listener_base_key(name).map_or(base, |def| def.name);
            vec![name.to_owned(), known.to_owned()]
        }
        None => vec![name.to_owned()],
    }
}

#[cfg(test)]
mod tests;
