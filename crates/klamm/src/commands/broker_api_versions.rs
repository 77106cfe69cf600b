//! `klamm broker-api-versions` (kafka-broker-api-versions): prints the API versions that each broker serves.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use klamm_protocol::{
    ApiKey,
    api::api_versions::{ApiVersion, ApiVersionsResponse},
    schema::Listener,
};

use crate::cli::Call;
use crate::session;

/// Prints the API versions that each broker serves, and the one that this client would use.
#[derive(clap::Parser)]
#[command(arg_required_else_help = true)]
pub(crate) struct Options {
    /// Brokers to connect to, as host:port,host:port.
    #[arg(long, value_name = "SERVER")]
    bootstrap_server: Option<String>,
    /// Properties file for the admin client.
    #[arg(long, value_name = "FILE")]
    command_config: Option<PathBuf>,
}

pub(crate) fn run(call: &Call) -> anyhow::Result<ExitCode> {
    let options: Options = match call.parse() {
        Ok(options) => options,
        Err(status) => return Ok(status),
    };
    let Some(bootstrap) = &options.bootstrap_server else {
        return Ok(call.usage_error("Missing required argument \"[bootstrap-server]\""));
    };
    session::block_on(async {
        let admin = session::admin(bootstrap, options.command_config.as_deref())?;
        for broker in admin.broker_apis().await? {
            let node = &broker.node;
            let rack = node.rack.as_deref().unwrap_or("null");
            let name = format!("{}:{} (id: {} rack: {rack} isFenced: false)", node.host, node.port, node.id);
            match broker.versions {
                Ok(versions) => println!("{name} -> {}", text(&versions)),
                Err(error) => println!("{name} -> ERROR: {error}"),
            }
        }
        admin.close();
        Ok(())
    })?;
    Ok(ExitCode::SUCCESS)
}

fn text(versions: &ApiVersionsResponse) -> String {
    let mut lines: BTreeMap<i16, String> =
        versions.api_keys.iter().map(|api| (api.api_key, line(api))).collect();
    for key in ApiKey::ALL.iter().filter(|key| key.is_served_by(Listener::Broker)) {
        let number = key.number();
        lines.entry(number).or_insert_with(|| format!("{}({number}): UNSUPPORTED", key.name()));
    }
    let lines: Vec<String> = lines.into_values().collect();
    format!("(\n\t{}\n)", lines.join(",\n\t"))
}

fn line(api: &ApiVersion) -> String {
    let range = if api.min_version == api.max_version {
        api.min_version.to_string()
    } else {
        format!("{} to {}", api.min_version, api.max_version)
    };
    let Some(key) = ApiKey::from_number(api.api_key) else {
        return format!("UNKNOWN({}): {range}", api.api_key);
    };
    let ours = key.versions();
    let usable = if ours.max < api.min_version {
        "[unusable: node too new]".to_owned()
    } else if api.max_version < ours.min {
        "[unusable: node too old]".to_owned()
    } else {
        format!("[usable: {}]", ours.max.min(api.max_version))
    };
    format!("{}({}): {range} {usable}", key.name(), api.api_key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_of_kafka() {
        let api = |api_key, min_version, max_version| ApiVersion {
            api_key,
            min_version,
            max_version,
            ..Default::default()
        };
        for (api, expect) in [
            (api(1, 4, 5), "Fetch(1): 4 to 5 [usable: 5]"),
            (api(18, 0, 0), "ApiVersions(18): 0 [usable: 0]"),
            (api(1, 0, 1), "Fetch(1): 0 to 1 [unusable: node too old]"),
            (api(999, 0, 1), "UNKNOWN(999): 0 to 1"),
        ] {
            assert_eq!(line(&api), expect);
        }
    }
}
