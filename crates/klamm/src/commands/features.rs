//! `klamm features describe` (kafka-features): feature levels that the cluster supports and has.

use std::path::PathBuf;
use std::process::ExitCode;

use klamm_metadata::features::MetadataVersion;
use klamm_protocol::api::api_versions::ApiVersionsResponse;

use crate::cli::Call;
use crate::session;

/// Shows feature levels.
#[derive(clap::Parser)]
#[command(arg_required_else_help = true)]
pub(crate) struct Options {
    /// Brokers to connect to, as host:port,host:port.
    #[arg(long, value_name = "SERVER")]
    bootstrap_server: Option<String>,
    /// Controllers to connect to instead.
    #[arg(long, value_name = "SERVER", conflicts_with = "bootstrap_server")]
    bootstrap_controller: Option<String>,
    /// Properties file for the admin client.
    #[arg(long, value_name = "FILE")]
    command_config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Shows the levels that are supported and the level that is in force.
    Describe,
}

pub(crate) fn run(call: &Call) -> anyhow::Result<ExitCode> {
    let options: Options = match call.parse() {
        Ok(options) => options,
        Err(status) => return Ok(status),
    };
    let Command::Describe = options.command;
    let Some(servers) = options.bootstrap_server.as_deref().or(options.bootstrap_controller.as_deref())
    else {
        return Ok(call.usage_error("You must specify either --bootstrap-controller or --bootstrap-server."));
    };
    session::block_on(async {
        let admin = session::admin(servers, options.command_config.as_deref())?;
        print!("{}", text(&admin.describe_features().await?));
        admin.close();
        Ok(())
    })?;
    Ok(ExitCode::SUCCESS)
}

fn text(answer: &ApiVersionsResponse) -> String {
    let mut features: Vec<_> = answer.supported_features.iter().collect();
    features.sort_by(|a, b| a.name.cmp(&b.name));
    let epoch = answer.finalized_features_epoch;
    let epoch = if epoch >= 0 { epoch.to_string() } else { "-".to_owned() };
    let mut text = String::new();
    for feature in features {
        let finalized = answer.finalized_features.iter().find(|f| f.name == feature.name);
        let level = finalized.map_or(0, |feature| feature.max_version_level);
        text.push_str(&format!(
            "Feature: {:<40}  SupportedMinVersion: {:<15}  SupportedMaxVersion: {:<15}  FinalizedVersionLevel: {:<15}  Epoch: {epoch}\n",
            &*feature.name,
            level_text(&feature.name, feature.min_version),
            level_text(&feature.name, feature.max_version),
            level_text(&feature.name, level),
        ));
    }
    text
}

fn level_text(feature: &str, level: i16) -> String {
    if feature != MetadataVersion::FEATURE_NAME {
        return level.to_string();
    }
    MetadataVersion::from_level(level)
        .map_or_else(|| format!("UNKNOWN {level}"), |version| version.name().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_versions_have_names() {
        assert_eq!(level_text("metadata.version", 7), "3.3-IV3");
        assert_eq!(level_text("metadata.version", 1000), "UNKNOWN 1000");
        assert_eq!(level_text("group.version", 1), "1");
    }
}
