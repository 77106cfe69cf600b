//! `klamm client-metrics` (kafka-client-metrics): subscriptions to the metrics of clients (KIP-714).

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use klamm_client::admin::{
    Admin, ConfigAlteration, ConfigEntry, ConfigOperation, ConfigResource, ResourceType,
};
use klamm_io::Entropy;

use super::storage;
use crate::cli::Call;
use crate::session;

/// Lists, describes, changes and deletes subscriptions to the metrics of clients.
#[derive(clap::Parser)]
#[command(arg_required_else_help = true)]
pub(crate) struct Options {
    /// Brokers to connect to, as host:port,host:port.
    #[arg(long, value_name = "SERVER")]
    bootstrap_server: Option<String>,
    /// Properties file for the admin client.
    #[arg(long, value_name = "FILE")]
    command_config: Option<PathBuf>,
    /// Change a subscription, or make it.
    #[arg(long)]
    alter: bool,
    /// Delete a subscription.
    #[arg(long)]
    delete: bool,
    /// Describe subscriptions.
    #[arg(long)]
    describe: bool,
    /// List the names of subscriptions.
    #[arg(long)]
    list: bool,
    /// Name of a subscription.
    #[arg(long)]
    name: Option<String>,
    /// Make up a name.
    #[arg(long)]
    generate_name: bool,
    /// How often clients tell their metrics, in milliseconds; empty: as by default.
    #[arg(long, value_name = "MS")]
    interval: Option<String>,
    /// Which clients, k1=v1,k2=v2: client_id, client_instance_id, client_software_name, client_software_version,
    /// client_source_address, client_source_port; empty: all.
    #[arg(long = "match", value_name = "K1=V1,K2=V2")]
    matching: Option<String>,
    /// Prefixes of the names of metrics, m1,m2; empty: none.
    #[arg(long, value_name = "M1,M2")]
    metrics: Option<String>,
}

pub(crate) fn run(call: &Call) -> anyhow::Result<ExitCode> {
    let options: Options = match call.parse() {
        Ok(options) => options,
        Err(status) => return Ok(status),
    };
    let bootstrap = match options.check() {
        Ok(bootstrap) => bootstrap,
        Err(error) => return Ok(call.usage_error(&error.to_string())),
    };
    let done = session::block_on(async {
        let admin = session::admin(bootstrap, options.command_config.as_deref())?;
        let done = options.carry_out(&admin).await;
        admin.close();
        done
    });
    if let Err(error) = done {
        // Kafka's tool prints its errors to standard output.
        println!("Error while executing client metrics command : {error:#}");
        if let Some(remedy) = session::remedy_of(&error) {
            eprintln!("{remedy}");
        }
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

impl Options {
    fn check(&self) -> anyhow::Result<&str> {
        let actions = [self.alter, self.delete, self.describe, self.list];
        if actions.iter().filter(|is| **is).count() != 1 {
            bail!("Command must include exactly one action: --alter, --delete, --describe or --list.");
        }
        let Some(bootstrap) = self.bootstrap_server.as_deref() else {
            bail!("--bootstrap-server must be specified.");
        };
        let action = ["alter", "delete", "describe", "list"];
        let action = action.iter().zip(actions).find(|(_, is)| *is).map_or("", |(name, _)| name);
        let given = [
            ("name", self.name.is_some(), action == "list"),
            ("generate-name", self.generate_name, action != "alter"),
            ("interval", self.interval.is_some(), action != "alter"),
            ("match", self.matching.is_some(), action != "alter"),
            ("metrics", self.metrics.is_some(), action != "alter"),
        ];
        if let Some((name, ..)) = given.iter().find(|(_, is_given, is_wrong)| *is_given && *is_wrong) {
            bail!("Option \"[{action}]\" can't be used with option \"[{name}]\"");
        }
        if self.alter && self.name.is_some() == self.generate_name {
            bail!("One of --name or --generate-name must be specified with --alter.");
        }
        let is_number = |text: &String| text.is_empty() || text.parse::<i32>().is_ok();
        if !self.interval.as_ref().is_none_or(is_number) {
            bail!("Invalid interval value. Enter an integer, or leave empty to reset.");
        }
        if self.delete && self.name.is_none() {
            bail!("A client metrics resource name must be specified with --delete.");
        }
        Ok(bootstrap)
    }

    async fn carry_out(&self, admin: &Admin) -> anyhow::Result<()> {
        if self.list {
            println!("{}", names(admin).await?.join("\n"));
            return Ok(());
        }
        if self.describe {
            return self.describe(admin).await;
        }
        let made_up = || storage::random_uuid(&Entropy::real()).to_string();
        let name = self.name.clone().unwrap_or_else(made_up);
        let alterations = if self.delete {
            let known = entries(admin, &name).await?.into_iter();
            known.map(|entry| alteration(&entry.name, "")).collect()
        } else {
            self.alterations()
        };
        let results = admin.alter_configs(&[(resource(&name), alterations)], false).await?;
        results.into_values().collect::<Result<(), _>>()?;
        let verb = if self.delete { "Deleted" } else { "Altered" };
        println!("{verb} client metrics config for {name}.");
        Ok(())
    }

    async fn describe(&self, admin: &Admin) -> anyhow::Result<()> {
        let mut names = names(admin).await?;
        if let Some(name) = &self.name {
            if !names.contains(name) {
                println!("The client metric resource {name} doesn't exist and doesn't have dynamic config.");
                return Ok(());
            }
            names = vec![name.clone()];
        }
        for name in names {
            println!("Client metrics configs for {name} are:");
            for entry in entries(admin, &name).await? {
                println!("  {}={}", entry.name, entry.value.as_deref().unwrap_or("null"));
            }
        }
        Ok(())
    }

    fn alterations(&self) -> Vec<ConfigAlteration> {
        [("interval.ms", &self.interval), ("metrics", &self.metrics), ("match", &self.matching)]
            .into_iter()
            .filter_map(|(key, value)| Some(alteration(key, value.as_deref()?)))
            .collect()
    }
}

/// An empty value takes a key back to its default.
fn alteration(key: &str, value: &str) -> ConfigAlteration {
    let operation = if value.is_empty() { ConfigOperation::Delete } else { ConfigOperation::Set };
    let value = (!value.is_empty()).then(|| value.to_owned());
    ConfigAlteration { name: key.to_owned(), operation, value }
}

fn resource(name: &str) -> ConfigResource {
    ConfigResource { kind: ResourceType::ClientMetrics, name: name.to_owned() }
}

async fn names(admin: &Admin) -> anyhow::Result<Vec<String>> {
    let resources = admin.list_config_resources(&[ResourceType::ClientMetrics]).await?;
    Ok(resources.into_iter().map(|resource| resource.name).collect())
}

async fn entries(admin: &Admin, name: &str) -> anyhow::Result<Vec<ConfigEntry>> {
    let described = admin.describe_configs(&[resource(name)], false).await?;
    Ok(described.into_values().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[test]
    fn what_does_not_go_together_is_refused() {
        for (arguments, expect) in [
            ("--bootstrap-server b", "exactly one action"),
            ("--bootstrap-server b --list --describe", "exactly one action"),
            ("--list", "--bootstrap-server must be"),
            ("--bootstrap-server b --list --name n", "can't be used"),
            ("--bootstrap-server b --describe --interval 5", "can't be used"),
            ("--bootstrap-server b --alter", "One of --name or --generate-name"),
            ("--bootstrap-server b --alter --name n --generate-name", "One of --name or --generate-name"),
            ("--bootstrap-server b --alter --name n --interval soon", "Invalid interval"),
            ("--bootstrap-server b --delete", "name must be specified"),
            ("--bootstrap-server b --delete --name n", ""),
            ("--bootstrap-server b --describe", ""),
        ] {
            let options = Options::parse_from(format!("x {arguments}").split_whitespace());
            match options.check() {
                Ok(_) => assert_eq!(expect, "", "{arguments}"),
                Err(error) => {
                    let told = error.to_string();
                    assert!(!expect.is_empty() && told.contains(expect), "{arguments}: {told}");
                }
            }
        }
    }

    #[test]
    fn an_empty_value_resets() {
        let options =
            Options::parse_from(["x", "--alter", "--name", "n", "--interval", "", "--metrics", "a,b"]);
        let told: Vec<_> =
            options.alterations().into_iter().map(|a| (a.name, a.operation, a.value)).collect();
        let expect = [
            ("interval.ms".to_owned(), ConfigOperation::Delete, None),
            ("metrics".to_owned(), ConfigOperation::Set, Some("a,b".to_owned())),
        ];
        assert_eq!(told, expect);
    }
}
