//! What has to hold when a broker's keys are altered at run time.

use std::collections::BTreeMap;

use super::alterable::check_names;
use super::{KeyAlteration, Operation, Refusal, topic};
use crate::broker;
use crate::broker_config::BrokerConfig;
use crate::error::ConfigErrors;
use crate::key::{Key, KeyDef};
use crate::names::listener_base_key;
use crate::table;
use crate::value::Type;

/// Keys whose value may at most halve or double at a time.
static THREADS: [&Key<i32>; 5] = [
    &broker::BACKGROUND_THREADS,
    &broker::NUM_IO_THREADS,
    &broker::NUM_NETWORK_THREADS,
    &broker::NUM_RECOVERY_THREADS_PER_DATA_DIR,
    &broker::NUM_REPLICA_FETCHERS,
];

/// Applies an incremental alteration to what was altered before. The controller does so once more; here it is for
/// [`check`].
pub fn apply(
    current: &BTreeMap<String, String>,
    alterations: &[KeyAlteration],
) -> Result<BTreeMap<String, String>, Refusal> {
    let mut all = current.clone();
    for KeyAlteration { name, operation, value } in alterations {
        let given = value.as_deref().unwrap_or_default();
        match operation {
            Operation::Set => drop(all.insert(name.clone(), given.to_owned())),
            Operation::Delete => drop(all.remove(name)),
            Operation::Append | Operation::Subtract => {
                let def = list_key(name, *operation)?;
                let default = || def.default_value().and_then(|v| v.to_text());
                let text = all.get(name).cloned().or_else(default).unwrap_or_default();
                let mut items: Vec<&str> = text.split(',').filter(|i| !i.is_empty()).collect();
                for item in given.split(',') {
                    match items.iter().position(|other| *other == item) {
                        Some(at) if *operation == Operation::Subtract => drop(items.remove(at)),
                        None if *operation == Operation::Append => items.push(item),
                        _ => {}
                    }
                }
                let joined = items.join(",");
                all.insert(name.clone(), joined);
            }
        }
    }
    Ok(all)
}

fn list_key(name: &str, operation: Operation) -> Result<&'static KeyDef, Refusal> {
    match table::BROKER.find(name) {
        None => Err(Refusal::InvalidConfig(format!("Unknown config name: {name}"))),
        Some(def) if def.value_type == Type::List => Ok(def),
        Some(_) => {
            let verb = if operation == Operation::Append { "append" } else { "subtract" };
            Err(Refusal::InvalidConfig(format!("Config value {verb} is not allowed for config key: {name}")))
        }
    }
}

/// Checks what is to be set at run time, `new`, for this broker (`own`) or for all brokers. Returns what the broker's
/// config then is.
pub fn check(
    config: &BrokerConfig,
    new: &BTreeMap<String, String>,
    own: bool,
) -> Result<BrokerConfig, Refusal> {
    check_names(new, own)?;
    for (name, text) in new {
        if let Some(def) = table::BROKER.find(name).or_else(|| listener_base_key(name)) {
            def.parse(text).map_err(|error| Refusal::InvalidRequest(error.to_string()))?;
        }
    }
    let altered = if own {
        config.altered(config.dynamic_defaults(), new)
    } else {
        config.altered(new, config.dynamic())
    };
    let altered = altered.map_err(|ConfigErrors(errors)| {
        Refusal::InvalidRequest(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    })?;
    check_step(config, &altered).map_err(|why| {
        // Kafka's text is the first three words alone.
        Refusal::InvalidRequest(format!("Invalid dynamic configuration: {why}"))
    })?;
    Ok(altered)
}

/// What may not change in one step while the broker runs.
fn check_step(old: &BrokerConfig, new: &BrokerConfig) -> Result<(), String> {
    for key in THREADS {
        let (was, is) = (old.get(key), new.get(key));
        if is != was && (is < was / 2 || is > was.saturating_mul(2)) {
            return Err(format!(
                "thread count {}={is} must be at least half and at most double the current value {was}",
                key.name()
            ));
        }
    }
    let (was, is) = (old.get(&broker::LOG_CLEANER_THREADS), new.get(&broker::LOG_CLEANER_THREADS));
    if is < was / 2 {
        return Err(format!(
            "Log cleaner threads cannot be reduced to less than half the current value {was}"
        ));
    }
    if is > was.saturating_mul(2) {
        return Err(format!(
            "Log cleaner threads cannot be increased to more than double the current value {was}"
        ));
    }
    let (roll, local) = (new.log_retention_ms(), new.get(&broker::LOG_LOCAL_RETENTION_MS));
    topic::check_local(&LOG_RETENTION_MS, roll, &broker::LOG_LOCAL_RETENTION_MS, local)
        .map_err(|e| e.to_string())?;
    let (total, local) = (new.get(&broker::LOG_RETENTION_BYTES), new.get(&broker::LOG_LOCAL_RETENTION_BYTES));
    topic::check_local(&broker::LOG_RETENTION_BYTES, total, &broker::LOG_LOCAL_RETENTION_BYTES, local)
        .map_err(|e| e.to_string())?;
    for endpoint in new.listeners() {
        for key in [&broker::MAX_CONNECTIONS, &broker::MAX_CONNECTION_CREATION_RATE] {
            let is = new.get_for_listener(&endpoint.listener, key);
            if is <= 0 && is != old.get_for_listener(&endpoint.listener, key) {
                return Err(format!(
                    "{} of listener {} must be more than {is}",
                    key.name(),
                    endpoint.listener
                ));
            }
        }
    }
    for endpoint in old.advertised_listeners() {
        if !new.listeners().iter().any(|e| e.listener == endpoint.listener) {
            return Err(format!("advertised listener {} must stay in listeners", endpoint.listener));
        }
    }
    for endpoint in new.listeners() {
        let was = old.listeners().iter().find(|e| e.listener == endpoint.listener);
        if was.is_some_and(|was| was.security != endpoint.security) {
            return Err(format!(
                "security protocol of existing listener {} cannot be updated",
                endpoint.listener
            ));
        }
    }
    Ok(())
}

/// `log.retention.ms` as a number that is always there, for naming it in messages.
static LOG_RETENTION_MS: Key<i64> = Key::new(broker::LOG_RETENTION_MS.def);
