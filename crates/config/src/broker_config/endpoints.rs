//! Which listeners a node has, what they speak, and what is told to others.

use std::collections::BTreeMap;

use crate::broker;
use crate::error::ConfigError;
use crate::listener::{Endpoint, SecurityProtocol, parse_listeners, parse_map, parse_voter};
use crate::table::Values;

const WILDCARD: &str = "0.0.0.0";

#[derive(Debug, Clone)]
pub(super) struct Endpoints {
    pub(super) protocols: BTreeMap<String, SecurityProtocol>,
    pub(super) listeners: Vec<Endpoint>,
    pub(super) advertised: Vec<Endpoint>,
    pub(super) advertised_controller: Vec<Endpoint>,
    pub(super) inter_broker: (String, SecurityProtocol),
    pub(super) controller_names: Vec<String>,
}

impl Endpoints {
    pub(super) fn resolve(values: &Values, set: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        let controller_names = values.get(&broker::CONTROLLER_LISTENER_NAMES);
        let controller_names: Vec<String> = controller_names.iter().map(|n| n.to_uppercase()).collect();
        let protocols = protocols(values, set, &controller_names)?;
        let entries = values.get(&broker::LISTENERS);
        let listeners = parse_listeners(&entries, &protocols, true)
            .map_err(|why| ConfigError::invalid("listeners", entries.join(","), why))?;
        let told = match values.get(&broker::ADVERTISED_LISTENERS) {
            Some(entries) => Some(
                parse_listeners(&entries, &protocols, false)
                    .map_err(|why| ConfigError::invalid("advertised.listeners", entries.join(","), why))?,
            ),
            None => None,
        };
        let inter_broker = inter_broker(values, set, &protocols)?;
        let is_controller = |e: &Endpoint| controller_names.contains(&e.listener);
        let advertised = told.as_deref().unwrap_or(&listeners);
        let advertised = advertised.iter().filter(|e| !is_controller(e)).cloned().collect();
        let advertised_controller =
            advertised_controller(values, told.as_deref().unwrap_or_default(), &listeners, &controller_names);
        Ok(Self { protocols, listeners, advertised, advertised_controller, inter_broker, controller_names })
    }

    pub(super) fn is_controller(&self, listener: &str) -> bool {
        self.controller_names.iter().any(|name| name == listener)
    }
}

/// The map of the config. When it is not set, the names of the protocols stand for themselves, and controller listeners
/// of other names speak PLAINTEXT as long as nothing else speaks TLS or SASL.
fn protocols(
    values: &Values,
    set: &BTreeMap<String, String>,
    controller_names: &[String],
) -> Result<BTreeMap<String, SecurityProtocol>, ConfigError> {
    let key = broker::LISTENER_SECURITY_PROTOCOL_MAP.def.name;
    let text = values.get(&broker::LISTENER_SECURITY_PROTOCOL_MAP);
    let map = parse_map(&text).map_err(|why| ConfigError::invalid(key, &text, why))?;
    let mut protocols = BTreeMap::new();
    for (name, protocol) in map {
        let protocol = SecurityProtocol::from_name(&protocol).ok_or_else(|| {
            let names = SecurityProtocol::ALL.map(SecurityProtocol::name).join(", ");
            ConfigError::invalid(
                key,
                &text,
                format!("invalid security protocol {protocol}, must be one of {names}"),
            )
        })?;
        protocols.insert(name.to_uppercase(), protocol);
    }
    if set.contains_key(key) {
        return Ok(protocols);
    }
    let secure = ["SSL", "SASL_SSL", "SASL_PLAINTEXT"];
    let listeners = values.get(&broker::LISTENERS);
    let is_secure = |name: &str| secure.contains(&name);
    let name_of = |entry: &String| entry.split(':').next().unwrap_or_default().to_uppercase();
    if controller_names.iter().any(|n| is_secure(n)) || listeners.iter().any(|l| is_secure(&name_of(l))) {
        return Ok(protocols);
    }
    for name in controller_names {
        protocols.insert(name.clone(), SecurityProtocol::Plaintext);
    }
    Ok(protocols)
}

fn inter_broker(
    values: &Values,
    set: &BTreeMap<String, String>,
    protocols: &BTreeMap<String, SecurityProtocol>,
) -> Result<(String, SecurityProtocol), ConfigError> {
    let protocol = values.get(&broker::SECURITY_INTER_BROKER_PROTOCOL);
    let Some(name) = values.get(&broker::INTER_BROKER_LISTENER_NAME) else {
        let protocol = SecurityProtocol::from_name(&protocol).unwrap_or(SecurityProtocol::Plaintext);
        return Ok((protocol.name().to_owned(), protocol));
    };
    if set.contains_key(broker::SECURITY_INTER_BROKER_PROTOCOL.def.name) {
        return Err(ConfigError::Rule(format!(
            "Only one of inter.broker.listener.name and security.inter.broker.protocol should be set, yet they are {name} \
             and {protocol}"
        )));
    }
    let name = name.to_uppercase();
    match protocols.get(&name) {
        Some(protocol) => Ok((name, *protocol)),
        None => Err(ConfigError::Rule(format!(
            "Listener with name {name} defined in inter.broker.listener.name not found in \
             listener.security.protocol.map, which has {}",
            protocols.keys().cloned().collect::<Vec<_>>().join(", ")
        ))),
    }
}

/// For each controller listener of this node what `advertised.listeners` says, else the listener itself. For the first
/// one, when it listens on all addresses, the node's own entry among the static voters is better.
fn advertised_controller(
    values: &Values,
    told: &[Endpoint],
    listeners: &[Endpoint],
    controller_names: &[String],
) -> Vec<Endpoint> {
    let voters = values.get(&broker::CONTROLLER_QUORUM_VOTERS);
    let node = values.get(&broker::NODE_ID);
    let own_voter = || voters.iter().filter_map(|entry| parse_voter(entry).ok()).find(|v| v.id == node);
    let mut advertised = Vec::new();
    for (i, name) in controller_names.iter().enumerate() {
        if let Some(endpoint) = told.iter().find(|e| e.listener == *name) {
            advertised.push(endpoint.clone());
            continue;
        }
        let Some(mut endpoint) = listeners.iter().find(|e| e.listener == *name).cloned() else { continue };
        if endpoint.host.is_none() || endpoint.host.as_deref() == Some(WILDCARD) {
            endpoint.host = None;
            if let Some(voter) = (i == 0).then(own_voter).flatten() {
                endpoint.host = Some(voter.host);
                endpoint.port = voter.port;
            }
        }
        advertised.push(endpoint);
    }
    advertised
}
