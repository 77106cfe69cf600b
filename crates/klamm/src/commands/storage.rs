//! `klamm storage`.

use std::process::ExitCode;

use crate::cli::Call;

pub(crate) fn run(call: &Call) -> anyhow::Result<ExitCode> {
    Ok(call.usage_error("klamm storage is not in this build yet"))
}

/// Formats the directories of a node that has none yet.
pub(crate) fn format_if_new(_config: &klamm_config::BrokerConfig) -> anyhow::Result<()> {
    anyhow::bail!("klamm storage is not in this build yet")
}
