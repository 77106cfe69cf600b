//! `klamm cluster` (kafka-cluster): the cluster's id, its nodes, and taking one that is gone out of the metadata.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use klamm_client::admin::{Admin, NodeDescription};

use crate::cli::Call;
use crate::session;

/// Shows a cluster's id and nodes, and unregisters brokers.
#[derive(clap::Parser)]
#[command(arg_required_else_help = true)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Shows the cluster's id.
    ClusterId {
        #[command(flatten)]
        connection: Connection,
    },
    /// Takes a broker that is gone for good out of the metadata.
    Unregister {
        #[command(flatten)]
        connection: Connection,
        /// The broker.
        #[arg(long, short, value_name = "ID")]
        id: i32,
    },
    /// Lists the brokers, or with --bootstrap-controller the controllers.
    ListEndpoints {
        #[command(flatten)]
        connection: Connection,
        /// List brokers that are registered but do not serve, too.
        #[arg(long)]
        include_fenced_brokers: bool,
    },
}

#[derive(clap::Args)]
#[group(id = "servers", required = true, multiple = false, args = ["bootstrap_server", "bootstrap_controller"])]
struct Connection {
    /// Brokers to connect to, as host:port,host:port.
    #[arg(long, short, value_name = "SERVER")]
    bootstrap_server: Option<String>,
    /// Controllers to connect to instead.
    #[arg(long, short = 'C', value_name = "SERVER")]
    bootstrap_controller: Option<String>,
    /// Properties file for the admin client. Deprecated: --command-config.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Properties file for the admin client.
    #[arg(long, short, value_name = "FILE", conflicts_with = "config")]
    command_config: Option<PathBuf>,
}

pub(crate) fn run(call: &Call) -> anyhow::Result<ExitCode> {
    let options: Options = match call.parse() {
        Ok(options) => options,
        Err(status) => return Ok(status),
    };
    let (Command::ClusterId { connection }
    | Command::Unregister { connection, .. }
    | Command::ListEndpoints { connection, .. }) = &options.command;
    if connection.config.is_some() {
        println!(
            "Option --config has been deprecated and will be removed in a future version. Use --command-config instead."
        );
    }
    session::block_on(async {
        let admin = session::admin_of(
            connection.bootstrap_server.as_deref(),
            connection.bootstrap_controller.as_deref(),
            connection.command_config.as_deref().or(connection.config.as_deref()),
        )?;
        let result = options.command.execute(&admin).await;
        admin.close();
        result
    })?;
    Ok(ExitCode::SUCCESS)
}

impl Command {
    async fn execute(&self, admin: &Admin) -> anyhow::Result<()> {
        match self {
            Self::ClusterId { .. } => {
                println!("Cluster ID: {}", admin.describe_cluster(false).await?.cluster_id);
            }
            Self::Unregister { id, .. } => {
                admin.unregister_broker(*id).await?;
                println!("Broker {id} is no longer registered.");
            }
            Self::ListEndpoints { connection, include_fenced_brokers } => {
                let are_controllers = connection.bootstrap_controller.is_some();
                if *include_fenced_brokers && are_controllers {
                    bail!(
                        "The option --include-fenced-brokers is only supported with --bootstrap-server option"
                    );
                }
                let cluster = admin.describe_cluster(*include_fenced_brokers).await?;
                print!("{}", endpoints(&cluster.brokers, are_controllers));
            }
        }
        Ok(())
    }
}

fn endpoints(nodes: &[NodeDescription], are_controllers: bool) -> String {
    let mut nodes: Vec<&NodeDescription> = nodes.iter().collect();
    nodes.sort_by_key(|node| node.id);
    let host_width = nodes.iter().map(|node| node.host.len()).max().unwrap_or(100);
    let rack_width = nodes.iter().filter_map(|node| Some(node.rack.as_ref()?.len())).max().unwrap_or(10);
    let row = |[id, host, port, rack, state, kind]: [&str; 6]| {
        let state = if are_controllers { String::new() } else { format!("{state:<10} ") };
        format!("{id:<10} {host:<host_width$} {port:<10} {rack:<rack_width$} {state}{kind:<15}\n")
    };
    let mut text = row(["ID", "HOST", "PORT", "RACK", "STATE", "ENDPOINT_TYPE"]);
    for node in nodes {
        let (id, port) = (node.id.to_string(), node.port.to_string());
        let rack = node.rack.as_deref().unwrap_or("null");
        let state = if node.is_fenced { "fenced" } else { "unfenced" };
        let kind = if are_controllers { "controller" } else { "broker" };
        text.push_str(&row([&id, &node.host, &port, rack, state, kind]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_listed_in_columns() {
        let node = |id, rack: Option<&str>| NodeDescription {
            id,
            host: "host".to_owned(),
            port: 9092,
            rack: rack.map(str::to_owned),
            is_fenced: id == 1,
        };
        assert_eq!(
            endpoints(&[node(2, Some("north-east")), node(1, None)], false),
            "ID         HOST PORT       RACK       STATE      ENDPOINT_TYPE  \n\
             1          host 9092       null       fenced     broker         \n\
             2          host 9092       north-east unfenced   broker         \n"
        );
        assert_eq!(
            endpoints(&[node(3, None)], true),
            "ID         HOST PORT       RACK       ENDPOINT_TYPE  \n3          host 9092       null       controller     \n"
        );
    }
}
