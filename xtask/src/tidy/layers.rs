//! Which crate may depend on which: the table of ARCHITECTURE.md against `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::shell::command;

/// The layers from the lowest upwards, each with its crates in order.
const LAYERS: &[(&str, &[&str])] = &[
    ("words", &["protocol-derive", "protocol", "config"]),
    ("machines", &["timeline", "raft", "metadata", "controller", "replica", "share", "coordinator"]),
    ("doors", &["io", "log", "net"]),
    ("server", &["server"]),
    ("client", &["client"]),
    ("binary", &["klamm"]),
    ("beside", &["sim", "acceptance", "fuzz", "xtask"]),
];

/// Crates that bring a clock, files, sockets, threads or randomness: nothing for a machine or a word.
const IMPURE: &[&str] = &["tokio", "socket2", "rustix", "libc", "getrandom", "rand", "mio", "memmap2"];

/// What the layer of a crate allows it to depend on, beside what lies before it in the table.
fn allowed_layers(layer: &str) -> &'static [&'static str] {
    match layer {
        "words" => &["words"],
        "machines" => &["words", "machines"],
        "doors" => &["words", "doors"],
        "server" => &["words", "machines", "doors"],
        "client" => &["words", "doors"],
        _ => &["words", "machines", "doors", "server", "client"],
    }
}

fn layer_of(name: &str) -> Option<(&'static str, usize)> {
    let mut position = 0;
    for (layer, crates) in LAYERS {
        for crate_name in *crates {
            if *crate_name == name {
                return Some((layer, position));
            }
            position += 1;
        }
    }
    None
}

/// The packages of the workspace (short names), each with what it depends on outside of its tests.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = command("cargo", &["metadata", "--format-version", "1", "--no-deps"]).output().unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut packages = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        let needs = package["dependencies"].as_array().unwrap().iter();
        let needs = needs
            .filter(|dependency| dependency["kind"] != "dev")
            .map(|dependency| text(&dependency["name"]));
        packages.insert(short(&text(&package["name"])), needs.map(|name| short(&name)).collect());
    }
    packages
}

fn short(name: &str) -> String {
    name.strip_prefix("klamm-").unwrap_or(name).to_owned()
}

#[test]
fn dependencies_point_only_down_the_table() {
    let packages = dependencies();
    let mut wrong = Vec::new();
    for (name, needs) in &packages {
        let Some((layer, position)) = layer_of(name) else {
            wrong.push(format!("{name} is not in the table of layers"));
            continue;
        };
        for need in needs {
            match layer_of(need).filter(|_| packages.contains_key(need)) {
                Some((other, at)) if at >= position || !allowed_layers(layer).contains(&other) => {
                    wrong.push(format!("{name} ({layer}) depends on {need} ({other})"));
                }
                Some(_) => {}
                None if matches!(layer, "words" | "machines") && IMPURE.contains(&need.as_str()) => {
                    wrong.push(format!("{name} ({layer}) depends on {need}, which is not pure"));
                }
                None => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_client_side_knows_no_log() {
    let packages = dependencies();
    assert!(!packages["client"].contains("log"), "client depends on log");
}
