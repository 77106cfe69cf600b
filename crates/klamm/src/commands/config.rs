//! `klamm config`.

use std::process::ExitCode;

use crate::cli::Call;

pub(crate) fn run(call: &Call) -> anyhow::Result<ExitCode> {
    Ok(call.usage_error("klamm config is not in this build yet"))
}
