//! `klamm groups` (kafka-groups): lists groups of all types.

use std::path::PathBuf;
use std::process::ExitCode;

use klamm_client::admin::GroupListing;

use crate::cli::{Call, emphasised};
use crate::session;

/// Lists groups of all types.
#[derive(clap::Parser)]
#[command(arg_required_else_help = true)]
pub(crate) struct Options {
    /// Brokers to connect to, as host:port,host:port.
    #[arg(long, value_name = "SERVER", required = true)]
    bootstrap_server: String,
    /// Properties file for the admin client.
    #[arg(long, value_name = "FILE")]
    command_config: Option<PathBuf>,
    /// List groups.
    #[arg(long)]
    list: bool,
    /// Only those of this type: classic, consumer, share or streams.
    #[arg(long, value_name = "TYPE", conflicts_with_all = ["consumer", "share", "streams"])]
    group_type: Option<String>,
    /// Only those whose members speak this.
    #[arg(long, conflicts_with_all = ["consumer", "share", "streams"])]
    protocol: Option<String>,
    /// Only those of consumers: of type consumer, and classic ones of consumers or with offsets alone.
    #[arg(long, conflicts_with_all = ["share", "streams"])]
    consumer: bool,
    /// Only share groups.
    #[arg(long, conflicts_with = "streams")]
    share: bool,
    /// Only streams groups.
    #[arg(long)]
    streams: bool,
    /// Prints JSON instead; not in Kafka's tool.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(call: &Call) -> anyhow::Result<ExitCode> {
    let options: Options = match call.parse() {
        Ok(options) => options,
        Err(status) => return Ok(status),
    };
    if !options.list {
        return Ok(call.usage_error("Command must include exactly one action: --list."));
    }
    let known = ["classic", "consumer", "share", "streams"];
    let group_type = options.group_type.as_ref().map(|name| name.to_lowercase());
    if group_type.as_ref().is_some_and(|name| !known.contains(&name.as_str())) {
        eprintln!("--group-type must be a valid group type.");
        return Ok(ExitCode::FAILURE);
    }
    let listed = session::block_on(async {
        let admin = session::admin(&options.bootstrap_server, options.command_config.as_deref())?;
        let groups = admin.list_groups(&[], &[]).await;
        admin.close();
        Ok(groups?)
    });
    let mut groups = match listed {
        Ok(groups) => groups,
        Err(error) => {
            // Kafka's tool prints its errors to standard output.
            println!("Error while executing groups command : {error:#}");
            if let Some(remedy) = session::remedy_of(&error) {
                eprintln!("{remedy}");
            }
            return Ok(ExitCode::FAILURE);
        }
    };
    groups.retain(|group| options.wants(group, group_type.as_deref()));
    if options.json {
        println!("{}", json(&groups));
    } else {
        print!("{}", emphasised(&table(&groups), |line| line.starts_with("GROUP ")));
    }
    Ok(ExitCode::SUCCESS)
}

impl Options {
    fn wants(&self, group: &GroupListing, group_type: Option<&str>) -> bool {
        let is_of = |name: &str| group.group_type.eq_ignore_ascii_case(name);
        let speaks = |protocol: &String| group.protocol_type == *protocol;
        match group_type {
            Some(name) => is_of(name) && self.protocol.as_ref().is_none_or(speaks),
            None if self.protocol.is_some() => self.protocol.as_ref().is_some_and(speaks),
            None if self.consumer => {
                matches!(group.protocol_type.as_str(), "consumer" | "") || is_of("consumer")
            }
            None if self.share => is_of("share"),
            None if self.streams => is_of("streams"),
            None => true,
        }
    }
}

/// Types as Kafka writes them, whatever the broker's case.
fn type_text(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn table(groups: &[GroupListing]) -> String {
    let rows: Vec<[String; 3]> = groups
        .iter()
        .map(|group| [group.group_id.clone(), type_text(&group.group_type), group.protocol_type.clone()])
        .collect();
    let longest = rows.iter().flatten().map(|cell| cell.chars().count()).max().unwrap_or(0);
    let width = longest.max(20);
    let mut text = format!("{:<width$} {:<width$} {:<width$}\n", "GROUP", "TYPE", "PROTOCOL");
    for [id, kind, protocol] in rows {
        text.push_str(&format!("{id:<width$} {kind:<width$} {protocol:<width$} \n"));
    }
    text
}

fn json(groups: &[GroupListing]) -> String {
    let item = |group: &GroupListing| {
        serde_json::json!({
            "group": group.group_id, "type": group.group_type, "protocol": group.protocol_type, "state": group.state,
        })
    };
    serde_json::Value::Array(groups.iter().map(item).collect()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[test]
    fn groups_are_chosen_by_type_and_protocol() {
        let group = |id: &str, kind: &str, protocol: &str| GroupListing {
            group_id: id.to_owned(),
            protocol_type: protocol.to_owned(),
            state: "Stable".to_owned(),
            group_type: kind.to_owned(),
        };
        let groups = [
            group("a", "classic", "consumer"),
            group("b", "consumer", "consumer"),
            group("c", "classic", "connect"),
            group("d", "share", "share"),
            group("e", "classic", ""),
        ];
        for (arguments, expect) in [
            ("", "abcde"),
            ("--consumer", "abe"),
            ("--share", "d"),
            ("--streams", ""),
            ("--group-type classic", "ace"),
            ("--group-type classic --protocol connect", "c"),
            ("--protocol consumer", "ab"),
        ] {
            let line = format!("x --bootstrap-server b --list {arguments}");
            let options = Options::parse_from(line.split_whitespace());
            let kind = options.group_type.as_deref();
            let chosen: String = groups
                .iter()
                .filter(|group| options.wants(group, kind))
                .map(|g| g.group_id.as_str())
                .collect();
            assert_eq!(chosen, expect, "{arguments}");
        }
        assert!(
            table(&groups[..1])
                .ends_with("a                    Classic              consumer             \n")
        );
    }
}
