//! Log levels that clients read and alter at run time (resource BROKER_LOGGER, KIP-412).
//!
//! They belong to the process and not to a node, since there is one log; a restart forgets them. Loggers are named as
//! Kafka's are, after Java packages and classes, and as our crates are. A Kafka name that stands for one of our crates
//! turns that crate's log up or down; any other Kafka name is kept and told, so that tools which set it succeed.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use klamm_config::{
    Type,
    alter::{KeyAlteration, Operation},
    describe::{Described, Source},
};
use klamm_protocol::ErrorCode;

use crate::error::ApiError;

/// The logger that all others fall back to.
const ROOT: &str = "root";

/// Levels as Kafka names them, with what they are in a filter of ours.
const LEVELS: [(&str, &str); 6] = [
    ("DEBUG", "debug"),
    ("ERROR", "error"),
    ("FATAL", "error"),
    ("INFO", "info"),
    ("TRACE", "trace"),
    ("WARN", "warn"),
];

/// Our crates, by their own name and by those of Kafka's packages that do the same.
const CRATES: [(&str, &[&str]); 7] = [
    ("klamm_server", &["kafka.server", "org.apache.kafka.server"]),
    ("klamm_net", &["kafka.network", "org.apache.kafka.network"]),
    ("klamm_log", &["kafka.log", "org.apache.kafka.storage"]),
    ("klamm_raft", &["kafka.raft", "org.apache.kafka.raft"]),
    ("klamm_controller", &["kafka.controller", "org.apache.kafka.controller"]),
    ("klamm_metadata", &["org.apache.kafka.image", "org.apache.kafka.metadata"]),
    ("klamm_coordinator", &["kafka.coordinator", "org.apache.kafka.coordinator"]),
];

/// Loggers of Kafka that its documentation, its configuration files or its tests name.
const KAFKA: [&str; 12] = [
    "kafka",
    "kafka.authorizer.logger",
    "kafka.cluster.Replica",
    "kafka.controller.KafkaController",
    "kafka.log.LogCleaner",
    "kafka.network.RequestChannel$",
    "kafka.request.logger",
    "kafka.server.ControllerServer",
    "kafka.server.KafkaApis",
    "kafka.server.ReplicaManager",
    "org.apache.kafka.server.quota.ClientQuotaManager$ThrottledChannelReaper",
    "state.change.logger",
];

/// Carries out a filter such as `warn,klamm_raft=debug`.
type Apply = Box<dyn Fn(&str) + Send>;

struct Loggers {
    root: &'static str,
    set: BTreeMap<String, &'static str>,
    apply: Option<Apply>,
}

static LOGGERS: Mutex<Loggers> = Mutex::new(Loggers { root: "INFO", set: BTreeMap::new(), apply: None });

fn loggers() -> MutexGuard<'static, Loggers> {
    LOGGERS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn level(name: &str) -> Option<&'static str> {
    LEVELS.iter().map(|(level, _)| *level).find(|level| *level == name)
}

/// Says by which filter the process logs, such as `warn,klamm_raft=debug`, and how that is changed. Without it levels are
/// kept and have no effect.
pub fn install(filter: &str, apply: impl Fn(&str) + Send + 'static) {
    let mut loggers = loggers();
    for directive in filter.split(',') {
        let (target, name) = directive.split_once('=').unwrap_or((ROOT, directive));
        let Some(level) = level(&name.trim().to_uppercase()) else { continue };
        match target.trim() {
            ROOT => loggers.root = level,
            target => drop(loggers.set.insert(target.to_owned(), level)),
        }
    }
    loggers.apply = Some(Box::new(apply));
}

impl Loggers {
    fn exists(name: &str) -> bool {
        let prefixes = ["kafka.", "org.apache.kafka.", "klamm"];
        name == ROOT || KAFKA.contains(&name) || prefixes.iter().any(|prefix| name.starts_with(prefix))
    }

    /// The level that holds for a logger: its own, else that of the nearest name above it.
    fn level(&self, name: &str) -> &'static str {
        self.own_level(name).unwrap_or(self.root)
    }

    /// The level that was set for a logger or a name above it.
    fn own_level(&self, name: &str) -> Option<&'static str> {
        let mut above = name;
        loop {
            if let Some(level) = self.set.get(above) {
                return Some(level);
            }
            match above.rsplit_once('.') {
                Some((package, _)) => above = package,
                None if above.starts_with("klamm") => return self.set.get("klamm").copied(),
                None => return None,
            }
        }
    }

    fn filter(&self) -> String {
        let of =
            |level: &str| LEVELS.iter().find(|(name, _)| *name == level).map_or("info", |(_, ours)| *ours);
        let mut filter = of(self.root).to_owned();
        if let Some(level) = self.set.get("klamm") {
            filter.push_str(&format!(",klamm={}", of(level)));
        }
        for (target, packages) in CRATES {
            let named = std::iter::once(target).chain(packages.iter().copied());
            if let Some(level) = named.filter_map(|name| self.own_level(name)).next() {
                filter.push_str(&format!(",{target}={}", of(level)));
            }
        }
        filter
    }
}

/// All loggers with the levels that hold.
pub fn describe() -> Vec<Described> {
    let loggers = loggers();
    let known =
        CRATES.iter().flat_map(|(target, packages)| std::iter::once(*target).chain(packages.iter().copied()));
    let known = known.chain(KAFKA);
    let mut names: Vec<String> = known.map(str::to_owned).chain(loggers.set.keys().cloned()).collect();
    names.push(ROOT.to_owned());
    names.sort();
    names.dedup();
    let described = names.into_iter().map(|name| Described {
        value: Some(loggers.level(&name).to_owned()),
        name,
        source: Source::BrokerLogger,
        read_only: false,
        sensitive: false,
        synonyms: Vec::new(),
        value_type: None::<Type>,
        documentation: None,
    });
    described.collect()
}

/// Sets and unsets levels of the loggers of node `id`; all or none.
///
/// # Errors
/// If the resource is another node, a logger or level does not exist, or something else than set and delete is asked.
pub fn alter(
    id: i32,
    resource: &str,
    alterations: &[KeyAlteration],
    validate_only: bool,
) -> Result<(), ApiError> {
    let invalid = |text: String| Err(ApiError::new(ErrorCode::InvalidRequest, text));
    match resource.parse::<i32>() {
        Err(_) => return invalid(format!("Node id must be an integer, but it is: {resource}")),
        Ok(other) if other != id => {
            return invalid(format!("Unexpected node id. Expected {id}, but received {other}"));
        }
        Ok(_) => {}
    }
    for KeyAlteration { name, operation, value } in alterations {
        match operation {
            Operation::Append | Operation::Subtract => {
                let operation = if *operation == Operation::Append { "APPEND" } else { "SUBTRACT" };
                return invalid(format!(
                    "{operation} operation is not allowed for the BROKER_LOGGER resource"
                ));
            }
            Operation::Set | Operation::Delete if !Loggers::exists(name) => {
                return Err(ApiError::new(
                    ErrorCode::InvalidConfig,
                    format!("Logger {name} does not exist!"),
                ));
            }
            Operation::Delete if name == ROOT => {
                return invalid(format!("Removing the log level of the {ROOT} logger is not allowed"));
            }
            Operation::Set if level(value.as_deref().unwrap_or_default()).is_none() => {
                let levels = LEVELS.map(|(level, _)| level).join(", ");
                return Err(ApiError::new(
                    ErrorCode::InvalidConfig,
                    format!(
                        "Cannot set the log level of {name} to {} as it is not a supported log level. Valid log levels are \
                         {levels}",
                        value.as_deref().unwrap_or("null")
                    ),
                ));
            }
            Operation::Set | Operation::Delete => {}
        }
    }
    if !validate_only {
        carry_out(alterations);
    }
    Ok(())
}

fn carry_out(alterations: &[KeyAlteration]) {
    let mut loggers = loggers();
    for KeyAlteration { name, operation, value } in alterations {
        match level(value.as_deref().unwrap_or_default()) {
            Some(level) if *operation == Operation::Set && name == ROOT => loggers.root = level,
            Some(level) if *operation == Operation::Set => drop(loggers.set.insert(name.clone(), level)),
            _ => drop(loggers.set.remove(name)),
        }
    }
    if let Some(apply) = &loggers.apply {
        apply(&loggers.filter());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str, operation: Operation, value: Option<&str>) -> Vec<KeyAlteration> {
        vec![KeyAlteration { name: name.to_owned(), operation, value: value.map(str::to_owned) }]
    }

    fn told(name: &str) -> Option<String> {
        describe().into_iter().find(|d| d.name == name).and_then(|d| d.value)
    }

    #[test]
    fn levels_are_set_told_and_forgotten() {
        let name = "org.apache.kafka.raft";
        assert_eq!(told(name).as_deref(), Some("INFO"));
        alter(1, "1", &one(name, Operation::Set, Some("DEBUG")), true).unwrap();
        assert_eq!(told(name).as_deref(), Some("INFO"));
        alter(1, "1", &one(name, Operation::Set, Some("DEBUG")), false).unwrap();
        assert_eq!(told(name).as_deref(), Some("DEBUG"));
        assert!(loggers().filter().contains("klamm_raft=debug"));
        alter(1, "1", &one(name, Operation::Delete, None), false).unwrap();
        assert_eq!(told(name).as_deref(), Some("INFO"));
    }

    #[test]
    fn what_is_refused() {
        for (resource, alterations, code) in [
            ("2", one(ROOT, Operation::Set, Some("INFO")), ErrorCode::InvalidRequest),
            ("x", one(ROOT, Operation::Set, Some("INFO")), ErrorCode::InvalidRequest),
            ("1", one(ROOT, Operation::Delete, None), ErrorCode::InvalidRequest),
            ("1", one(ROOT, Operation::Append, Some("INFO")), ErrorCode::InvalidRequest),
            ("1", one("com.example", Operation::Set, Some("INFO")), ErrorCode::InvalidConfig),
            ("1", one(ROOT, Operation::Set, Some("LOUD")), ErrorCode::InvalidConfig),
        ] {
            assert_eq!(
                alter(1, resource, &alterations, false).map_err(|e| e.code),
                Err(code),
                "{alterations:?}"
            );
        }
    }
}
