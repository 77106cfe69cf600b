//! A node's own config: its properties file, and what was altered at run time on top of it.

mod endpoints;
mod group_rules;
mod rules;
#[cfg(test)]
pub(crate) mod tests;
mod warnings;

use std::collections::{BTreeMap, BTreeSet};

use crate::alter::alterable::countable;
use crate::broker;
use crate::error::{ConfigError, ConfigErrors};
use crate::key::{HOURS, Key, MINUTES};
use crate::listener::{Endpoint, SecurityProtocol, Voter, parse_bootstrap_server, parse_voter};
use crate::names::{listener_base_key, unit_synonyms};
use crate::table::{self, Values};
use crate::value::ConfigType;

use endpoints::Endpoints;

/// What a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Serves clients and keeps their data.
    Broker,
    /// Takes part in the quorum.
    Controller,
}

impl Role {
    /// Kafka's name in `process.roles`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Broker => "broker",
            Self::Controller => "controller",
        }
    }
}

/// The config of one node: complete, checked and consistent.
///
/// It never changes; [`BrokerConfig::altered`] makes another one.
#[derive(Debug, Clone)]
pub struct BrokerConfig {
    originals: BTreeMap<String, String>,
    dynamic_defaults: BTreeMap<String, String>,
    dynamic: BTreeMap<String, String>,
    effective: BTreeMap<String, String>,
    values: Values,
    endpoints: Endpoints,
}

impl BrokerConfig {
    /// Checks what a properties file says. All errors are reported, not only the first.
    pub fn from_properties(properties: &BTreeMap<String, String>) -> Result<Self, ConfigErrors> {
        let mut originals = properties.clone();
        mirror_node_id(&mut originals);
        Self::build(originals, BTreeMap::new(), BTreeMap::new())
    }

    /// The same node with keys altered at run time: `defaults` for all brokers, `own` for this one. Both replace what was
    /// altered before.
    pub fn altered(
        &self,
        defaults: &BTreeMap<String, String>,
        own: &BTreeMap<String, String>,
    ) -> Result<Self, ConfigErrors> {
        Self::build(self.originals.clone(), defaults.clone(), own.clone())
    }

    /// The same node with what the metadata log says was altered, which may stem from another version or another
    /// properties file: keys that may not be altered or do not keep their rules do not count, and assignment intervals are
    /// held within their bounds. An error if the rest contradicts the properties file all the same.
    pub fn applied(
        &self,
        defaults: &BTreeMap<String, String>,
        own: &BTreeMap<String, String>,
    ) -> Result<Self, ConfigErrors> {
        let mut defaults = countable(defaults, false);
        let mut own = countable(own, true);
        for (min, max, key) in &ASSIGNMENT_INTERVALS {
            for altered in [&mut defaults, &mut own] {
                if let Some(text) = altered.get_mut(key.name()) {
                    let n = text.trim().parse::<i32>().unwrap_or_default();
                    *text = n.max(self.get(min)).min(self.get(max)).to_string();
                }
            }
        }
        Self::build(self.originals.clone(), defaults, own)
    }

    fn build(
        originals: BTreeMap<String, String>,
        dynamic_defaults: BTreeMap<String, String>,
        dynamic: BTreeMap<String, String>,
    ) -> Result<Self, ConfigErrors> {
        let mut effective = originals.clone();
        for (name, value) in dynamic_defaults.iter().chain(&dynamic) {
            // What is altered in one unit replaces what stands in the file in another.
            for synonym in unit_synonyms(name) {
                effective.remove(*synonym);
            }
            effective.insert(name.clone(), value.clone());
        }
        let mut errors = check_listener_keys(&effective);
        let values = match Values::parse(&table::BROKER, &effective) {
            Ok(values) => values,
            Err(more) => {
                errors.splice(0..0, more);
                return Err(ConfigErrors(errors));
            }
        };
        let endpoints = match Endpoints::resolve(&values, &effective) {
            Ok(endpoints) => endpoints,
            Err(error) => {
                errors.push(error);
                return Err(ConfigErrors(errors));
            }
        };
        let config = Self { originals, dynamic_defaults, dynamic, effective, values, endpoints };
        errors.extend(rules::check(&config));
        if errors.is_empty() { Ok(config) } else { Err(ConfigErrors(errors)) }
    }

    /// The value of a key.
    pub fn get<T: ConfigType>(&self, key: &Key<T>) -> T {
        self.values.get(key)
    }

    /// The value of a key for one listener: what is set with the prefix `listener.name.NAME.`, else the plain value.
    pub fn get_for_listener<T: ConfigType>(&self, listener: &str, key: &Key<T>) -> T {
        self.get_with_prefix(&listener_prefix(listener), key)
    }

    /// The value of a key for one SASL mechanism of a listener: prefix `listener.name.NAME.MECHANISM.`.
    pub fn get_for_mechanism<T: ConfigType>(&self, listener: &str, mechanism: &str, key: &Key<T>) -> T {
        let prefix = format!("{}{}.", listener_prefix(listener), mechanism.to_lowercase());
        match self.prefixed(&prefix, key) {
            Some(value) => value,
            None => self.get_for_listener(listener, key),
        }
    }

    fn get_with_prefix<T: ConfigType>(&self, prefix: &str, key: &Key<T>) -> T {
        self.prefixed(prefix, key).unwrap_or_else(|| self.get(key))
    }

    fn prefixed<T: ConfigType>(&self, prefix: &str, key: &Key<T>) -> Option<T> {
        let text = self.effective.get(&format!("{prefix}{}", key.def.name))?;
        // Values with a listener's prefix have been checked before.
        key.def.parse(text).ok().as_ref().and_then(T::from_value)
    }

    /// All values, by the keys' names.
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// What the properties file says, with keys that the table does not have.
    pub fn originals(&self) -> &BTreeMap<String, String> {
        &self.originals
    }

    /// What was altered at run time for all brokers.
    pub fn dynamic_defaults(&self) -> &BTreeMap<String, String> {
        &self.dynamic_defaults
    }

    /// What was altered at run time for this broker.
    pub fn dynamic(&self) -> &BTreeMap<String, String> {
        &self.dynamic
    }

    /// What is set, at run time or in the file, under any key.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.effective.get(name).map(String::as_str)
    }

    /// Keys that are set and that the table does not have, without those of listeners and of `config.providers`.
    pub fn unknown_keys(&self) -> impl Iterator<Item = &str> {
        self.originals.keys().map(String::as_str).filter(|name| {
            table::BROKER.find(name).is_none()
                && !name.starts_with("listener.name.")
                && !name.starts_with("config.providers.")
        })
    }

    /// The process's roles.
    pub fn roles(&self) -> BTreeSet<Role> {
        let roles = self.get(&broker::PROCESS_ROLES);
        [Role::Broker, Role::Controller]
            .into_iter()
            .filter(|r| roles.iter().any(|name| name == r.name()))
            .collect()
    }

    /// Whether the node has the broker role.
    pub fn is_broker(&self) -> bool {
        self.roles().contains(&Role::Broker)
    }

    /// Whether the node has the controller role.
    pub fn is_controller(&self) -> bool {
        self.roles().contains(&Role::Controller)
    }

    /// The node's id.
    pub fn node_id(&self) -> i32 {
        self.get(&broker::NODE_ID)
    }

    /// Where the node listens: broker and controller listeners, in the order of `listeners`.
    pub fn listeners(&self) -> &[Endpoint] {
        &self.endpoints.listeners
    }

    /// Listeners for clients and brokers.
    pub fn broker_listeners(&self) -> impl Iterator<Item = &Endpoint> {
        self.endpoints.listeners.iter().filter(|e| !self.endpoints.is_controller(&e.listener))
    }

    /// Listeners for controllers.
    pub fn controller_listeners(&self) -> impl Iterator<Item = &Endpoint> {
        self.endpoints.listeners.iter().filter(|e| self.endpoints.is_controller(&e.listener))
    }

    /// What clients are told to connect to. Ports may be 0, when `advertised.listeners` is not set and `listeners` asks for
    /// free ports; a missing host stands for the host's own name.
    pub fn advertised_listeners(&self) -> &[Endpoint] {
        &self.endpoints.advertised
    }

    /// What other nodes are told about the controller listeners, in the order of `controller.listener.names`.
    pub fn advertised_controller_listeners(&self) -> &[Endpoint] {
        &self.endpoints.advertised_controller
    }

    /// Name and security protocol of the listener that brokers use among themselves.
    pub fn inter_broker_listener(&self) -> (&str, SecurityProtocol) {
        (&self.endpoints.inter_broker.0, self.endpoints.inter_broker.1)
    }

    /// Names of the controllers' listeners, in upper case.
    pub fn controller_listener_names(&self) -> &[String] {
        &self.endpoints.controller_names
    }

    /// The security protocol of a listener name, also of one that this node does not listen on.
    pub fn listener_security(&self, listener: &str) -> Option<SecurityProtocol> {
        self.endpoints.protocols.get(&listener.to_uppercase()).copied()
    }

    /// The static voters; empty if the quorum is dynamic.
    pub fn voters(&self) -> Vec<Voter> {
        let entries = self.get(&broker::CONTROLLER_QUORUM_VOTERS);
        entries.iter().filter_map(|entry| parse_voter(entry).ok()).collect()
    }

    /// Hosts and ports at which to look for the quorum.
    pub fn bootstrap_servers(&self) -> Vec<(String, u16)> {
        let entries = self.get(&broker::CONTROLLER_QUORUM_BOOTSTRAP_SERVERS);
        entries.iter().filter_map(|entry| parse_bootstrap_server(entry).ok()).collect()
    }

    /// The log directories; at least one.
    pub fn log_dirs(&self) -> Vec<String> {
        self.get(&broker::LOG_DIRS).unwrap_or_else(|| self.get(&broker::LOG_DIR))
    }

    /// The directory of the metadata log.
    pub fn metadata_log_dir(&self) -> String {
        self.get(&broker::METADATA_LOG_DIR)
            .unwrap_or_else(|| self.log_dirs().into_iter().next().unwrap_or_default())
    }

    /// Log directories that take no new partitions.
    pub fn cordoned_log_dirs(&self) -> Vec<String> {
        let cordoned = self.get(&broker::CORDONED_LOG_DIRS);
        if cordoned.iter().any(|dir| dir == "*") { self.log_dirs() } else { cordoned }
    }

    /// Age from which segments are deleted, in milliseconds; -1: no limit.
    pub fn log_retention_ms(&self) -> i64 {
        let in_minutes = || self.get(&broker::LOG_RETENTION_MINUTES).map(|n| i64::from(n) * MINUTES);
        let ms = self.get(&broker::LOG_RETENTION_MS).or_else(in_minutes);
        ms.unwrap_or_else(|| i64::from(self.get(&broker::LOG_RETENTION_HOURS)) * HOURS).max(-1)
    }

    /// Age at which a new segment is started, in milliseconds.
    pub fn log_roll_ms(&self) -> i64 {
        self.get(&broker::LOG_ROLL_MS).unwrap_or_else(|| i64::from(self.get(&broker::LOG_ROLL_HOURS)) * HOURS)
    }

    /// Largest random amount taken from [`BrokerConfig::log_roll_ms`], in milliseconds.
    pub fn log_roll_jitter_ms(&self) -> i64 {
        let in_hours = || i64::from(self.get(&broker::LOG_ROLL_JITTER_HOURS)) * HOURS;
        self.get(&broker::LOG_ROLL_JITTER_MS).unwrap_or_else(in_hours)
    }

    /// Time after which a partition with unflushed records is flushed, in milliseconds.
    pub fn log_flush_ms(&self) -> i64 {
        self.get(&broker::LOG_FLUSH_INTERVAL_MS)
            .unwrap_or_else(|| self.get(&broker::LOG_FLUSH_SCHEDULER_INTERVAL_MS))
    }

    /// Most connections from given addresses, which replace `max.connections.per.ip`.
    pub fn connections_per_ip_overrides(&self) -> BTreeMap<String, i32> {
        let text = self.get(&broker::MAX_CONNECTIONS_PER_IP_OVERRIDES);
        let entries = crate::listener::parse_map(&text).unwrap_or_default();
        entries.into_iter().filter_map(|(host, count)| Some((host, count.parse().ok()?))).collect()
    }
}

static ASSIGNMENT_INTERVALS: [(&Key<i32>, &Key<i32>, &Key<i32>); 3] = [
    (
        &broker::GROUP_CONSUMER_MIN_ASSIGNMENT_INTERVAL_MS,
        &broker::GROUP_CONSUMER_MAX_ASSIGNMENT_INTERVAL_MS,
        &broker::GROUP_CONSUMER_ASSIGNMENT_INTERVAL_MS,
    ),
    (
        &broker::GROUP_SHARE_MIN_ASSIGNMENT_INTERVAL_MS,
        &broker::GROUP_SHARE_MAX_ASSIGNMENT_INTERVAL_MS,
        &broker::GROUP_SHARE_ASSIGNMENT_INTERVAL_MS,
    ),
    (
        &broker::GROUP_STREAMS_MIN_ASSIGNMENT_INTERVAL_MS,
        &broker::GROUP_STREAMS_MAX_ASSIGNMENT_INTERVAL_MS,
        &broker::GROUP_STREAMS_ASSIGNMENT_INTERVAL_MS,
    ),
];

/// `listener.name.NAME.`, with the name in lower case.
pub(crate) fn listener_prefix(listener: &str) -> String {
    format!("listener.name.{}.", listener.to_lowercase())
}

/// `node.id` and `broker.id` stand for each other when only one is set.
fn mirror_node_id(originals: &mut BTreeMap<String, String>) {
    let (node, old) = (broker::NODE_ID.def.name, broker::BROKER_ID.def.name);
    match (originals.get(node).cloned(), originals.get(old).cloned()) {
        (Some(id), None) => drop(originals.insert(old.to_owned(), id)),
        (None, Some(id)) => drop(originals.insert(node.to_owned(), id)),
        _ => {}
    }
}

fn check_listener_keys(effective: &BTreeMap<String, String>) -> Vec<ConfigError> {
    let check = |(name, text): (&String, &String)| match listener_base_key(name)?.parse(text).err()? {
        ConfigError::Invalid { value, reason, .. } => Some(ConfigError::invalid(name, value, reason)),
        other => Some(other),
    };
    effective.iter().filter_map(check).collect()
}
