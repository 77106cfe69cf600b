//! `klamm server [server.properties] [--override key=value]...` (kafka-server-start): runs a node until SIGTERM.

use std::path::PathBuf;
use std::process::ExitCode;

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
    let _ = (options.properties, options.overrides);
    run_default()
}

/// What `klamm` without arguments does: a node at 127.0.0.1:9092 with its data in ./klamm-data.
pub(crate) fn run_default() -> anyhow::Result<ExitCode> {
    anyhow::bail!("the node is not in this build yet")
}
