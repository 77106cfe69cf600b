//! Bad values of every key, and texts that are no properties at all: an error that names the key, and never a panic.

use klamm_config::alter::{self, Cluster, KeyAlteration, Operation, ResourceKind, Target};
use klamm_config::{BrokerConfig, Type, properties, providers, table};
use std::collections::BTreeMap;

const NODE: &str = "process.roles=broker,controller\nnode.id=1\nlisteners=PLAINTEXT://localhost:9092,CONTROLLER://:9093\n\
    controller.listener.names=CONTROLLER\ncontroller.quorum.voters=1@localhost:9093\n";

const VALUES: [&str; 22] = [
    "",
    " ",
    ",",
    ",,a",
    "-1",
    "0",
    "1",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "1e400",
    "NaN",
    "-Infinity",
    "true",
    "ä😀",
    "a:b:c",
    "1@[::1]:70000",
    "X://[:1]:99",
    "*",
    "by_duration:PT9999999999999H",
    "${env:X}",
    "\0",
];

fn node() -> BTreeMap<String, String> {
    properties::parse(NODE).expect("a plain text")
}

#[test]
fn a_bad_value_of_a_broker_key_is_refused_by_name() {
    let mut refused = 0;
    for def in table::BROKER.iter() {
        for value in VALUES {
            let mut set = node();
            set.insert(def.name.to_owned(), value.to_owned());
            let Err(errors) = BrokerConfig::from_properties(&set) else { continue };
            refused += 1;
            let text = errors.to_string();
            // Listeners and roles hang together: what is wrong with one may be told of another.
            let together = ["listener", "process.roles", "node.id", "quorum"];
            let is_told = text.contains(def.name) || together.iter().any(|part| def.name.contains(part));
            assert!(is_told, "{}={value}: {text}", def.name);
            if def.value_type == Type::Password {
                assert!(!text.contains(value) || value.trim().is_empty(), "{text}");
            }
        }
    }
    assert!(refused > 3000, "{refused}");
}

#[test]
fn a_bad_value_of_any_other_key_is_refused_by_name() {
    let config = BrokerConfig::from_properties(&node()).unwrap();
    let cluster = Cluster { elr_enabled: true, cordoning_supported: false, forwarded: false };
    let current = BTreeMap::new();
    for (kind, table) in [
        (ResourceKind::Topic, &table::TOPIC),
        (ResourceKind::Group, &table::GROUP),
        (ResourceKind::ClientMetrics, &table::CLIENT_METRICS),
        (ResourceKind::Broker, &table::BROKER),
    ] {
        for def in table.iter() {
            for value in VALUES {
                for operation in [Operation::Set, Operation::Subtract] {
                    let target = Target { kind, name: "1", current: &current };
                    let one =
                        KeyAlteration { name: def.name.to_owned(), operation, value: Some(value.to_owned()) };
                    let one = [one];
                    if let Err(refusal) = alter::incremental(&config, cluster, target, &one) {
                        let text = refusal.to_string();
                        let is_told = text.contains(def.name)
                            || text.contains("remote")
                            || text.contains("client matching");
                        assert!(is_told || text.contains("Tiered Storage"), "{}={value}: {text}", def.name);
                    }
                    if kind == ResourceKind::Broker {
                        let new = alter::broker::apply(&current, &one);
                        let _ = new.and_then(|new| alter::broker::check(&config, &new, value.len() % 2 == 0));
                    }
                }
            }
        }
    }
}

struct Nothing;

impl providers::Outside for Nothing {
    fn environment(&self, _: &str) -> Option<String> {
        None
    }

    fn read_file(&self, _: &str) -> Result<Option<Vec<u8>>, String> {
        Ok(None)
    }
}

#[test]
fn any_bytes_are_read_or_refused() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let pieces: [&[u8]; 16] = [
        b"listeners",
        b"=",
        b"\n",
        b"\\",
        b"\\u12",
        b"${env:",
        b"}",
        b":",
        b"process.roles",
        b"broker",
        b"\xff\xfe",
        b" ",
        b"node.id",
        b"config.providers",
        b"env",
        b",",
    ];
    for _ in 0..3000 {
        let length = next() % 24;
        let bytes: Vec<u8> =
            (0..length).flat_map(|_| pieces[(next() % 16) as usize].iter().copied()).collect();
        let Ok(mut set) = properties::parse_bytes(&bytes) else { continue };
        set.extend(node());
        if let Ok(set) = providers::resolve(&set, &Nothing) {
            let _ = BrokerConfig::from_properties(&set);
        }
    }
}
