//! `klamm server [server.properties] [--override key=value]...` (kafka-server-start): runs a node until SIGTERM.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use klamm_config::{BrokerConfig, listener, properties, providers};

use crate::cli::Call;

/// Runs a node until it is told to stop (SIGTERM or Ctrl-C).
#[derive(clap::Parser)]
pub(crate) struct Options {
    /// The node's configuration, as Apache Kafka 4.3 reads it. Without it: one node (broker and controller) at
    /// 127.0.0.1:9092 with its data in ./klamm-data.
    properties: Option<PathBuf>,
    /// Sets one key, over what the file says. Can be given many times.
    #[arg(long = "override", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
}

pub(crate) fn run(call: &Call) -> anyhow::Result<ExitCode> {
    let options: Options = match call.parse() {
        Ok(options) => options,
        Err(status) => return Ok(status),
    };
    let mut overrides = BTreeMap::new();
    for entry in &options.overrides {
        let (key, value) =
            entry.split_once('=').with_context(|| format!("--override {entry}: has to be KEY=VALUE"))?;
        overrides.insert(key.trim().to_owned(), value.to_owned());
    }
    let mut settings = match &options.properties {
        Some(path) => read_properties(path)?,
        None => default_properties(&overrides),
    };
    settings.extend(overrides);
    let own: Vec<&str> = match &options.properties {
        Some(_) => settings.keys().map(String::as_str).collect(),
        None => options.overrides.iter().filter_map(|entry| Some(entry.split_once('=')?.0.trim())).collect(),
    };
    start(&settings, &own, options.properties.is_none())
}

/// What `klamm` without arguments does: a node at 127.0.0.1:9092 with its data in ./klamm-data.
pub(crate) fn run_default() -> anyhow::Result<ExitCode> {
    start(&default_properties(&BTreeMap::new()), &[], true)
}

fn read_properties(path: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    properties::parse_bytes(&bytes).with_context(|| format!("{} is no properties file", path.display()))
}

/// The settings of a node that has no properties file. `overrides` go over them; where they move the listeners, what
/// the node says of itself moves with them.
fn default_properties(overrides: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let listeners = overrides
        .get("listeners")
        .map_or("PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093", String::as_str);
    let entries = [
        ("process.roles", "broker,controller"),
        ("node.id", "1"),
        ("listeners", listeners),
        ("controller.listener.names", "CONTROLLER"),
        ("controller.quorum.bootstrap.servers", &controller_of(listeners)),
        ("log.dirs", "./klamm-data"),
        // One node cannot keep three copies.
        ("offsets.topic.replication.factor", "1"),
        ("transaction.state.log.replication.factor", "1"),
        ("transaction.state.log.min.isr", "1"),
        ("share.coordinator.state.topic.replication.factor", "1"),
        ("share.coordinator.state.topic.min.isr", "1"),
    ];
    entries.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// Where the listener CONTROLLER is found from this machine. What cannot be read is refused later, with the whole
/// configuration.
fn controller_of(listeners: &str) -> String {
    let mut entries = listeners.split(',').filter_map(|entry| listener::parse_listener(entry.trim()).ok());
    let controller = entries.find(|(name, ..)| name == "CONTROLLER");
    let (host, port) = controller.map_or((None, 9093), |(_, host, port)| (host, port));
    let host = host.filter(|host| host != "0.0.0.0");
    listener::host_port(host.as_deref().unwrap_or("127.0.0.1"), port)
}

/// Starts the node. `own` are the keys that the user has set.
fn start(settings: &BTreeMap<String, String>, own: &[&str], format_if_new: bool) -> anyhow::Result<ExitCode> {
    init_logging();
    let config = providers::resolve(settings, &super::config::Machine)
        .and_then(|settings| BrokerConfig::from_properties(&settings))
        .context("the configuration cannot be used")?;
    if format_if_new {
        super::storage::format_if_new(&config)?;
    }
    report_without_effect(own);
    klamm_server::run(config, |config| {
        if format_if_new {
            print_welcome(config);
        }
    })
    .context("the node cannot start")?;
    Ok(ExitCode::SUCCESS)
}

/// Logs to standard error by the filter in KLAMM_LOG (`info` without it). Clients may change levels at run time.
fn init_logging() {
    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::util::SubscriberInitExt as _;
    let text = std::env::var("KLAMM_LOG").unwrap_or_else(|_| "info".to_owned());
    let filter = tracing_subscriber::EnvFilter::try_new(&text).unwrap_or_else(|_| "info".into());
    let (filter, handle) = tracing_subscriber::reload::Layer::new(filter);
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_writer(std::io::stderr);
    tracing_subscriber::registry().with(filter).with(lines).init();
    klamm_server::broker_loggers::install(&text, move |directives| {
        if let Ok(filter) = tracing_subscriber::EnvFilter::try_new(directives) {
            let _ = handle.reload(filter);
        }
    });
}

/// One line that names the keys that are set and do nothing yet.
fn report_without_effect(own: &[&str]) {
    let keys: Vec<&str> = klamm_config::table::BROKER
        .iter()
        .filter(|key| !key.supported && own.contains(&key.name))
        .map(|key| key.name)
        .collect();
    if !keys.is_empty() {
        tracing::warn!(keys = keys.join(","), "these keys are set and have no effect in this release");
    }
}

fn print_welcome(config: &BrokerConfig) {
    let at = config
        .advertised_listeners()
        .first()
        .map(|endpoint| listener::host_port(endpoint.host.as_deref().unwrap_or("localhost"), endpoint.port))
        .unwrap_or_default();
    let program = std::env::args().next().unwrap_or_else(|| "klamm".to_owned());
    println!();
    println!(
        "Klamm serves Kafka clients at {at}; its data is in {}. Ctrl-C stops it.",
        config.log_dirs().join(", ")
    );
    println!();
    println!("Try, in another terminal:");
    println!("  {program} topics --bootstrap-server {at} --create --topic hello --partitions 3");
    println!("  seq 5 | {program} console-producer --bootstrap-server {at} --topic hello");
    println!(
        "  {program} console-consumer --bootstrap-server {at} --topic hello --from-beginning --max-messages 5"
    );
    println!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_without_a_properties_file_tells_the_listeners_that_it_has() {
        let check = |overrides: &[(&str, &str)], broker: &str, controller: &str| {
            let overrides: BTreeMap<String, String> =
                overrides.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            let mut settings = default_properties(&overrides);
            settings.extend(overrides);
            let bootstrap = settings["controller.quorum.bootstrap.servers"].clone();
            let config = BrokerConfig::from_properties(&settings).unwrap();
            let told = config.advertised_listeners().first().unwrap();
            let told = listener::host_port(told.host.as_deref().unwrap_or("-"), told.port);
            assert_eq!((told.as_str(), bootstrap.as_str()), (broker, controller));
        };
        check(&[], "127.0.0.1:9092", "127.0.0.1:9093");
        let moved = ("listeners", "PLAINTEXT://127.0.0.1:19092,CONTROLLER://127.0.0.1:19093");
        check(&[moved], "127.0.0.1:19092", "127.0.0.1:19093");
        check(&[("listeners", "PLAINTEXT://:9092,CONTROLLER://0.0.0.0:7")], "-:9092", "127.0.0.1:7");
        let told = ("advertised.listeners", "PLAINTEXT://host:1");
        let known = ("controller.quorum.bootstrap.servers", "c:2");
        check(&[moved, told, known], "host:1", "c:2");
    }
}
