//! Which alterations of a resource's keys are allowed, and what they amount to.
//!
//! Two places judge. The broker that a request reaches checks alterations of its own keys ([`broker::check`]), since it
//! alone knows its properties file; the active controller checks everything else and decides ([`incremental`],
//! [`replacing`]). Neither knows which topics or brokers exist: the controller asks its image.

pub mod alterable;
pub mod broker;
pub mod client_metrics;
pub mod group;
pub mod topic;

use std::collections::BTreeMap;

use crate::broker_config::BrokerConfig;
use crate::error::ConfigError;
use crate::table::{self, Table};
use crate::value::{Type, split_list};

/// What a key belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResourceKind {
    /// A topic, by name.
    Topic,
    /// A broker, by id; without id: all brokers.
    Broker,
    /// The loggers of a broker, by its id.
    BrokerLogger,
    /// A client metrics subscription, by name.
    ClientMetrics,
    /// A group, by id.
    Group,
}

impl ResourceKind {
    /// The code in requests and records.
    pub fn code(self) -> i8 {
        match self {
            Self::Topic => 2,
            Self::Broker => 4,
            Self::BrokerLogger => 8,
            Self::ClientMetrics => 16,
            Self::Group => 32,
        }
    }

    /// The kind of a code.
    pub fn from_code(code: i8) -> Option<Self> {
        [Self::Topic, Self::Broker, Self::BrokerLogger, Self::ClientMetrics, Self::Group]
            .into_iter()
            .find(|kind| kind.code() == code)
    }

    /// Kafka's name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Topic => "TOPIC",
            Self::Broker => "BROKER",
            Self::BrokerLogger => "BROKER_LOGGER",
            Self::ClientMetrics => "CLIENT_METRICS",
            Self::Group => "GROUP",
        }
    }

    /// The keys whose lists can be added to. Kafka's controller does not look at those of client metrics.
    fn table_with_lists(self) -> Option<&'static Table> {
        match self {
            Self::Topic => Some(&table::TOPIC),
            Self::Broker => Some(&table::BROKER),
            Self::BrokerLogger | Self::ClientMetrics | Self::Group => None,
        }
    }
}

/// Why an alteration is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// INVALID_CONFIG.
    #[error("{0}")]
    InvalidConfig(String),
    /// INVALID_REQUEST.
    #[error("{0}")]
    InvalidRequest(String),
}

impl From<ConfigError> for Refusal {
    fn from(error: ConfigError) -> Self {
        Self::InvalidConfig(error.to_string())
    }
}

/// What an incremental alteration does to one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Gives the key a value.
    Set,
    /// Takes the key's own value away.
    Delete,
    /// Adds items to a list.
    Append,
    /// Takes items out of a list.
    Subtract,
}

impl Operation {
    /// The operation of a code in requests.
    pub fn from_code(code: i8) -> Option<Self> {
        match code {
            0 => Some(Self::Set),
            1 => Some(Self::Delete),
            2 => Some(Self::Append),
            3 => Some(Self::Subtract),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Set => "SET",
            Self::Delete => "DELETE",
            Self::Append => "APPEND",
            Self::Subtract => "SUBTRACT",
        }
    }
}

/// One key of an incremental alteration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyAlteration {
    /// The key.
    pub name: String,
    /// What to do.
    pub operation: Operation,
    /// With what; nothing for [`Operation::Delete`].
    pub value: Option<String>,
}

/// What becomes of a key; `None`: it is no longer set.
pub type Change = (String, Option<String>);

/// What the controller knows beside the config.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cluster {
    /// Whether eligible leader replicas are on (KIP-966).
    pub elr_enabled: bool,
    /// Whether the metadata version knows cordoned log directories (KIP-1066).
    pub cordoning_supported: bool,
    /// Whether a broker, which then has checked its own keys, passed the request on.
    pub forwarded: bool,
}

/// The resource to alter and what is set on it now.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// Kind of the resource.
    pub kind: ResourceKind,
    /// Its name; empty: all brokers.
    pub name: &'a str,
    /// Its own keys.
    pub current: &'a BTreeMap<String, String>,
}

/// Decides an incremental alteration (IncrementalAlterConfigs): the keys that change, all or none. `config` is that of
/// the node that decides.
pub fn incremental(
    config: &BrokerConfig,
    cluster: Cluster,
    target: Target<'_>,
    alterations: &[KeyAlteration],
) -> Result<Vec<Change>, Refusal> {
    let mut changes = Vec::with_capacity(alterations.len());
    for alteration in alterations {
        let current = target.current.get(&alteration.name);
        let new = apply(target, alteration)?;
        // Setting a broker's key to what it is makes the broker load files such as key stores again.
        if new.as_ref() != current || target.kind == ResourceKind::Broker {
            changes.push((alteration.name.clone(), new));
        }
    }
    check(config, cluster, target, &changes)?;
    Ok(changes)
}

/// Decides an alteration that replaces all of a resource's keys (AlterConfigs).
pub fn replacing(
    config: &BrokerConfig,
    cluster: Cluster,
    target: Target<'_>,
    new: &BTreeMap<String, String>,
) -> Result<Vec<Change>, Refusal> {
    let is_change = |name: &String, value: &String| {
        target.current.get(name) != Some(value) || target.kind == ResourceKind::Broker
    };
    let set = new.iter().filter(|(name, value)| is_change(name, value));
    let set = set.map(|(name, value)| (name.clone(), Some(value.clone())));
    let deleted =
        target.current.keys().filter(|name| !new.contains_key(*name)).map(|name| (name.clone(), None));
    let changes: Vec<Change> = set.chain(deleted).collect();
    check(config, cluster, target, &changes)?;
    Ok(changes)
}

/// The keys of a topic that is being created, checked.
pub fn creation(config: &BrokerConfig, own: &BTreeMap<String, String>) -> Result<(), Refusal> {
    own.values().try_for_each(|value| check_size(value))?;
    topic::check(config, &BTreeMap::new(), own)
}

fn apply(target: Target<'_>, alteration: &KeyAlteration) -> Result<Option<String>, Refusal> {
    let name = &alteration.name;
    let given = alteration.value.as_deref().unwrap_or_default();
    match alteration.operation {
        Operation::Set => return Ok(alteration.value.clone()),
        Operation::Delete => return Ok(None),
        Operation::Append | Operation::Subtract => {}
    }
    let def = target
        .kind
        .table_with_lists()
        .and_then(|table| table.find(name))
        .filter(|def| def.value_type == Type::List);
    let Some(def) = def else {
        return Err(Refusal::InvalidConfig(format!(
            "Can't {} to key {name} because its type is not LIST.",
            alteration.operation.name()
        )));
    };
    let default = || def.default_value().and_then(|v| v.to_text());
    let current = target.current.get(name).cloned().or_else(default).unwrap_or_default();
    let mut items: Vec<&str> = current.split(',').filter(|item| !item.is_empty()).collect();
    for item in given.split(',') {
        let at = items.iter().position(|other| *other == item);
        match (alteration.operation, at) {
            (Operation::Append, None) => items.push(item),
            (Operation::Subtract, Some(at)) => drop(items.remove(at)),
            _ => {}
        }
    }
    Ok(Some(items.join(",")))
}

/// Longest value, in UTF-16 units, whatever Kafka's message says.
const VALUE_LENGTH_MAX: usize = 32_767;

fn check_size(value: &str) -> Result<(), Refusal> {
    if value.encode_utf16().nth(VALUE_LENGTH_MAX).is_some() {
        return Err(Refusal::InvalidConfig(format!(
            "The configuration value cannot be added because it exceeds the maximum value size of \
             {VALUE_LENGTH_MAX} bytes."
        )));
    }
    Ok(())
}

fn check(
    config: &BrokerConfig,
    cluster: Cluster,
    target: Target<'_>,
    changes: &[Change],
) -> Result<(), Refusal> {
    let mut own = target.current.clone();
    for (name, value) in changes {
        if target.kind == ResourceKind::Broker {
            check_broker_change(cluster, target, name, value.as_deref())?;
        }
        match value {
            Some(value) => {
                check_size(value)?;
                own.insert(name.clone(), value.clone());
            }
            None => drop(own.remove(name)),
        }
    }
    match target.kind {
        ResourceKind::Topic if target.name.is_empty() => {
            Err(Refusal::InvalidRequest("Default topic resources are not allowed.".to_owned()))
        }
        ResourceKind::Topic => topic::check(config, target.current, &own),
        ResourceKind::Broker => check_broker_name(target.name),
        ResourceKind::ClientMetrics => client_metrics::check(target.name, &own),
        ResourceKind::Group if target.name.is_empty() => {
            Err(Refusal::InvalidRequest("Default group resources are not allowed.".to_owned()))
        }
        ResourceKind::Group => group::check(config, &own),
        ResourceKind::BrokerLogger => {
            Err(Refusal::InvalidRequest(format!("Unknown resource type {}", target.kind.name())))
        }
    }
}

/// Checks the name of a broker resource: an id, or empty for all brokers.
pub fn check_broker_name(name: &str) -> Result<(), Refusal> {
    match name.parse::<i32>() {
        _ if name.is_empty() => Ok(()),
        Ok(id) if id >= 0 => Ok(()),
        Ok(id) => Err(Refusal::InvalidRequest(format!("Invalid negative broker ID {id}."))),
        Err(_) => {
            Err(Refusal::InvalidRequest(format!("Unable to parse broker name {name} as a base 10 number.")))
        }
    }
}

fn check_broker_change(
    cluster: Cluster,
    target: Target<'_>,
    name: &str,
    value: Option<&str>,
) -> Result<(), Refusal> {
    let refuse = |text: &str| Err(Refusal::InvalidConfig(text.to_owned()));
    if name == crate::broker::MIN_INSYNC_REPLICAS.def.name && cluster.elr_enabled {
        if !target.name.is_empty() {
            return refuse("Broker-level min.insync.replicas cannot be altered while ELR is enabled.");
        }
        if value.is_none() {
            return refuse("Cluster-level min.insync.replicas cannot be removed while ELR is enabled.");
        }
    }
    if name == crate::broker::CORDONED_LOG_DIRS.def.name {
        if !cluster.cordoning_supported {
            return refuse("cordoned.log.dirs cannot be set: it requires metadata.version >= 4.3-IV0");
        }
        // Only the broker knows its directories, so that without it no more can be cordoned than already are.
        let current = target.current.get(name).map(|dirs| split_list(dirs)).unwrap_or_default();
        let new = value.map(split_list).unwrap_or_default();
        if !cluster.forwarded && !new.iter().all(|dir| current.contains(dir)) {
            return refuse(
                "cordoned.log.dirs, when altered through a controller, must be a subset of the current value",
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
