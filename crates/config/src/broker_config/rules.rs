//! What has to hold between keys.

use super::{BrokerConfig, Role};
use crate::broker;
use crate::error::ConfigError;
use crate::listener::{Endpoint, is_host, parse_map};

/// Every rule that `config` breaks.
pub(super) fn check(config: &BrokerConfig) -> Vec<ConfigError> {
    let mut broken = Broken(Vec::new());
    node(config, &mut broken);
    logs(config, &mut broken);
    replication(config, &mut broken);
    super::group_rules::check(config, &mut broken);
    quorum(config, &mut broken);
    controller_listeners(config, &mut broken);
    broker_listeners(config, &mut broken);
    connections(config, &mut broken);
    broken.0
}

pub(super) struct Broken(Vec<ConfigError>);

impl Broken {
    pub(super) fn unless(&mut self, holds: bool, text: impl FnOnce() -> String) {
        if !holds {
            self.0.push(ConfigError::Rule(text()));
        }
    }
}

fn names(endpoints: &[Endpoint]) -> String {
    endpoints.iter().map(|e| e.listener.as_str()).collect::<Vec<_>>().join(",")
}

fn node(config: &BrokerConfig, broken: &mut Broken) {
    for policy in [&broker::CREATE_TOPIC_POLICY_CLASS_NAME, &broker::ALTER_CONFIG_POLICY_CLASS_NAME] {
        // Without its policy the cluster would let through what its owner has forbidden.
        let class = config.get(policy);
        broken.unless(class.is_none(), || {
            let class = class.as_ref().map_or("", |class| class.0.as_str());
            format!(
                "{} names the Java class {class}, which Klamm cannot load: remove the key, and see to it in another way (for \
                 example by access control lists) that only those who may create topics and alter configs can",
                policy.name()
            )
        });
    }
    let (node, old) = (config.node_id(), config.get(&broker::BROKER_ID));
    broken.unless(node == old, || {
        format!(
            "node.id and broker.id must have the same value when both are set, yet they are {node} and {old}"
        )
    });
    let first = config.get(&broker::EARLY_START_LISTENERS).unwrap_or_default();
    for name in first.iter().map(|n| n.to_uppercase()) {
        let known = config.listeners().iter().any(|e| e.listener == name);
        broken.unless(known || config.endpoints.is_controller(&name), || {
            format!(
                "early.start.listeners contains listener {name}, which is neither in listeners ({}) nor in \
                 controller.listener.names",
                names(config.listeners())
            )
        });
    }
}

fn logs(config: &BrokerConfig, broken: &mut Broken) {
    let named = |any: &str| {
        let units = crate::names::unit_synonyms(any).iter().copied();
        units.into_iter().find(|name| config.text(name).is_some()).unwrap_or_default()
    };
    let roll = config.log_roll_ms();
    broken.unless(roll >= 1, || {
        format!("{} must be at least 1, yet it comes to {roll} ms", named("log.roll.ms"))
    });
    let jitter = config.log_roll_jitter_ms();
    broken.unless(jitter >= 0, || {
        format!("{} must be at least 0, yet it comes to {jitter} ms", named("log.roll.jitter.ms"))
    });
    let retention = config.log_retention_ms();
    broken.unless(retention >= 1 || retention == -1, || {
        format!(
            "{} must be -1 (unlimited) or at least 1, yet it comes to {retention} ms",
            named("log.retention.ms")
        )
    });
    broken.unless(!config.log_dirs().is_empty(), || {
        "log.dirs or log.dir must name at least one log directory".to_owned()
    });
    let (dedupe, threads) =
        (config.get(&broker::LOG_CLEANER_DEDUPE_BUFFER_SIZE), config.get(&broker::LOG_CLEANER_THREADS));
    // No cleaner threads at all is let through by Kafka's own range, and then divides by zero.
    broken.unless(threads > 0 && dedupe / i64::from(threads.max(1)) > 1024 * 1024, || {
        format!(
            "log.cleaner.dedupe.buffer.size must be more than 1048576 for each of log.cleaner.threads, yet it is {dedupe} \
             for {threads} threads"
        )
    });
    if config.is_broker() {
        cordoned(config, broken);
    }
}

fn cordoned(config: &BrokerConfig, broken: &mut Broken) {
    let cordoned = config.get(&broker::CORDONED_LOG_DIRS);
    if cordoned.iter().any(|dir| dir == "*") {
        broken.unless(cordoned.len() == 1, || {
            format!(
                "cordoned.log.dirs must not have other entries beside *, yet it is {}",
                cordoned.join(",")
            )
        });
        return;
    }
    let dirs = config.log_dirs();
    let unknown: Vec<_> = cordoned.into_iter().filter(|dir| !dirs.contains(dir)).collect();
    broken.unless(unknown.is_empty(), || {
        format!(
            "All entries in cordoned.log.dirs must be present in log.dirs or log.dir. Missing entries : {}",
            unknown.join(", ")
        )
    });
}

fn replication(config: &BrokerConfig, broken: &mut Broken) {
    let wait = config.get(&broker::REPLICA_FETCH_WAIT_MAX_MS);
    let timeout = config.get(&broker::REPLICA_SOCKET_TIMEOUT_MS);
    broken.unless(wait <= timeout, || {
        format!("replica.socket.timeout.ms ({timeout}) must be at least replica.fetch.wait.max.ms ({wait})")
    });
    let lag = config.get(&broker::REPLICA_LAG_TIME_MAX_MS);
    broken.unless(i64::from(wait) <= lag, || {
        format!("replica.fetch.wait.max.ms ({wait}) must be at most replica.lag.time.max.ms ({lag})")
    });
}

fn quorum(config: &BrokerConfig, broken: &mut Broken) {
    let voters = config.voters();
    let ids = || voters.iter().map(|v| v.id.to_string()).collect::<Vec<_>>().join(",");
    let node = config.node_id();
    broken.unless(!voters.is_empty() || !config.bootstrap_servers().is_empty(), || {
        "either controller.quorum.bootstrap.servers or controller.quorum.voters must name the controllers, yet both are empty"
            .to_owned()
    });
    let is_voter = voters.iter().any(|v| v.id == node);
    if config.is_controller() {
        broken.unless(voters.is_empty() || is_voter, || {
            format!(
                "If process.roles contains the 'controller' role, the node id {node} must be included in the set of voters \
                 controller.quorum.voters={}",
                ids()
            )
        });
    } else {
        broken.unless(!is_voter, || {
            format!(
                "If process.roles contains just the 'broker' role, the node id {node} must not be included in the set of \
                 voters controller.quorum.voters={}",
                ids()
            )
        });
        broken.unless(!config.get(&broker::CONTROLLER_QUORUM_AUTO_JOIN_ENABLE), || {
            "controller.quorum.auto.join.enable=true needs the 'controller' role in process.roles".to_owned()
        });
    }
}

fn controller_listeners(config: &BrokerConfig, broken: &mut Broken) {
    let listening = config.listeners();
    let controllers = config.controller_listener_names();
    if !config.is_controller() {
        let mine: Vec<_> = config.controller_listeners().cloned().collect();
        broken.unless(mine.is_empty(), || {
            format!(
                "controller.listener.names must not contain a value appearing in listeners when process.roles is just \
                 broker, yet both have {}",
                names(&mine)
            )
        });
        for name in controllers {
            broken.unless(config.listener_security(name).is_some(), || {
                format!(
                    "Controller listener with name {name} defined in controller.listener.names not found in \
                     listener.security.protocol.map (it is needed there when the map is set, or when other listeners use \
                     TLS or SASL)"
                )
            });
        }
        return;
    }
    let here = |name: &String| listening.iter().any(|e| e.listener == *name);
    broken.unless(controllers.iter().any(here), || {
        format!(
            "controller.listener.names must contain at least one value appearing in listeners, which has {}",
            names(listening)
        )
    });
    broken.unless(controllers.iter().all(here), || {
        format!(
            "controller.listener.names must only contain values appearing in listeners: it is {}, they are {}",
            controllers.join(","),
            names(listening)
        )
    });
    if config.roles().len() == 1 && !config.roles().contains(&Role::Broker) {
        let others: Vec<_> = config.broker_listeners().cloned().collect();
        broken.unless(others.is_empty(), || {
            format!(
                "listeners must only contain names from controller.listener.names when process.roles=controller, yet it has \
                 {}",
                names(&others)
            )
        });
        let inter = config.get(&broker::INTER_BROKER_LISTENER_NAME).unwrap_or_default().to_uppercase();
        broken.unless(!controllers.contains(&inter), || {
            format!("controller.listener.names must not contain inter.broker.listener.name ({inter}) when process.roles=controller")
        });
    }
}

fn broker_listeners(config: &BrokerConfig, broken: &mut Broken) {
    let (listening, told) = (config.listeners(), config.advertised_listeners());
    for endpoint in told.iter().chain(config.advertised_controller_listeners()) {
        broken.unless(endpoint.host.as_deref() != Some("0.0.0.0"), || {
            format!(
                "advertised.listeners cannot use the nonroutable meta-address 0.0.0.0, yet it has {endpoint}; use a routable \
                 address"
            )
        });
    }
    if !config.is_broker() {
        return;
    }
    broken.unless(!told.is_empty(), || {
        "there must be at least one broker listener; perhaps all listeners appear in controller.listener.names?".to_owned()
    });
    let (inter, security) = config.inter_broker_listener();
    broken.unless(told.is_empty() || told.iter().any(|e| e.listener == inter), || {
        format!(
            "inter.broker.listener.name must be a listener name defined in advertised.listeners. It is {inter}; the valid \
             options based on currently configured listeners are {}",
            names(told)
        )
    });
    for endpoint in told {
        broken.unless(listening.iter().any(|e| e.listener == endpoint.listener), || {
            format!(
                "advertised.listeners listener names must be equal to or a subset of the ones defined in listeners. Found {}, \
                 the valid options are {}",
                endpoint.listener,
                names(listening)
            )
        });
    }
    if security.is_sasl() {
        let mechanism = config.get(&broker::SASL_MECHANISM_INTER_BROKER_PROTOCOL);
        let enabled = config.get_for_listener(inter, &broker::SASL_ENABLED_MECHANISMS);
        broken.unless(enabled.contains(&mechanism), || {
            format!(
                "sasl.mechanism.inter.broker.protocol ({mechanism}) must be included in sasl.enabled.mechanisms ({}) when \
                 SASL is used for inter-broker communication",
                enabled.join(",")
            )
        });
    }
}

fn connections(config: &BrokerConfig, broken: &mut Broken) {
    let (queued, largest) =
        (config.get(&broker::QUEUED_MAX_REQUEST_BYTES), config.get(&broker::SOCKET_REQUEST_MAX_BYTES));
    broken.unless(queued <= 0 || queued >= i64::from(largest), || {
        format!("queued.max.request.bytes ({queued}) must be at least socket.request.max.bytes ({largest})")
    });
    let text = config.get(&broker::MAX_CONNECTIONS_PER_IP_OVERRIDES);
    let key = broker::MAX_CONNECTIONS_PER_IP_OVERRIDES.name();
    match parse_map(&text) {
        Ok(overrides) => {
            broken.unless(config.get(&broker::MAX_CONNECTIONS_PER_IP) != 0 || !overrides.is_empty(), || {
                "max.connections.per.ip can be set to zero only if max.connections.per.ip.overrides property is set"
                    .to_owned()
            });
            for (host, count) in &overrides {
                broken.unless(is_host(host) && count.parse::<i32>().is_ok(), || {
                    format!("Invalid value {text} for configuration {key}: {host}:{count} is not of the form host:count")
                });
            }
        }
        Err(why) => broken.0.push(ConfigError::invalid(key, &text, why)),
    }
    let (delay, idle) = (
        config.get(&broker::CONNECTION_FAILED_AUTHENTICATION_DELAY_MS),
        config.get(&broker::CONNECTIONS_MAX_IDLE_MS),
    );
    broken.unless(idle < 0 || i64::from(delay) < idle, || {
        format!("connection.failed.authentication.delay.ms={delay} must be less than connections.max.idle.ms={idle}")
    });
}
