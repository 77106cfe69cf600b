//! `klamm leader-election` (kafka-leader-election): elects leaders of partitions.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use klamm_client::admin::{ByPartition, ElectionType};
use klamm_client::{ClientConfig, ClientKind, TopicPartition, admin::Admin};
use klamm_protocol::ErrorCode;

use crate::cli::Call;
use crate::{java, session};

/// Elects leaders of partitions: the preferred ones, or any live replica.
#[derive(clap::Parser)]
#[command(arg_required_else_help = true)]
pub(crate) struct Options {
    /// Brokers to connect to, as host:port,host:port.
    #[arg(long, value_name = "SERVER")]
    bootstrap_server: Option<String>,
    /// Properties file for the admin client. Deprecated: --command-config.
    #[arg(long = "admin.config", value_name = "FILE")]
    admin_config: Option<PathBuf>,
    /// Properties file for the admin client.
    #[arg(long, value_name = "FILE", conflicts_with = "admin_config")]
    command_config: Option<PathBuf>,
    /// JSON file with the partitions: {"partitions": [{"topic": "t", "partition": 1}]}
    #[arg(long, value_name = "FILE")]
    path_to_json_file: Option<PathBuf>,
    /// The topic of one partition.
    #[arg(long)]
    topic: Option<String>,
    /// The number of that partition.
    #[arg(long, value_name = "NUMBER")]
    partition: Option<i32>,
    /// All partitions that have something to elect.
    #[arg(long)]
    all_topic_partitions: bool,
    /// preferred: the first replica, where another leads. unclean: any live replica, where none leads; records may be
    /// lost.
    #[arg(long, value_name = "TYPE", ignore_case = true)]
    election_type: Option<Election>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Election {
    Preferred,
    Unclean,
}

impl Election {
    const fn name(self) -> &'static str {
        match self {
            Self::Preferred => "PREFERRED",
            Self::Unclean => "UNCLEAN",
        }
    }
}

pub(crate) fn run(call: &Call) -> anyhow::Result<ExitCode> {
    let options: Options = match call.parse() {
        Ok(options) => options,
        Err(status) => return Ok(status),
    };
    let (bootstrap, election) = match options.check() {
        Ok(checked) => checked,
        Err(error) => return Ok(call.usage_error(&error.to_string())),
    };
    let partitions = options.partitions()?;
    let config = options.command_config.as_deref().or(options.admin_config.as_deref());
    if options.admin_config.is_some() {
        println!(
            "Option --admin.config has been deprecated and will be removed in a future version. Use --command-config instead."
        );
    }
    session::block_on(async {
        let admin = admin(bootstrap, config)?;
        let kind = match election {
            Election::Preferred => ElectionType::Preferred,
            Election::Unclean => ElectionType::Unclean,
        };
        let results = admin.elect_leaders(kind, partitions.as_deref()).await;
        admin.close();
        if let Err(error) = &results {
            match error {
                klamm_client::ClientError::TimedOut { .. } => {
                    println!("Timeout waiting for election results");
                }
                error if error.code() == Some(ErrorCode::ClusterAuthorizationFailed) => {
                    println!("Not authorized to perform leader election");
                }
                _ => {}
            }
        }
        report(results?, election)
    })
}

/// Elections are waited for half a minute, unless the properties say otherwise.
fn admin(bootstrap: &str, config: Option<&Path>) -> anyhow::Result<Admin> {
    let mut properties = session::properties_file(config)?;
    properties.insert("bootstrap.servers".to_owned(), bootstrap.to_owned());
    for (key, ms) in [("default.api.timeout.ms", "30000"), ("request.timeout.ms", "15000")] {
        properties.entry(key.to_owned()).or_insert_with(|| ms.to_owned());
    }
    Ok(Admin::new(&ClientConfig::new(ClientKind::Admin, properties)?)?)
}

impl Options {
    fn check(&self) -> anyhow::Result<(&str, Election)> {
        let (Some(bootstrap), Some(election)) = (self.bootstrap_server.as_deref(), self.election_type) else {
            let missing = [
                (self.bootstrap_server.is_none(), "bootstrap-server"),
                (self.election_type.is_none(), "election-type"),
            ];
            let missing: Vec<&str> = missing.iter().filter(|(is, _)| *is).map(|(_, name)| *name).collect();
            bail!("Missing required option(s): {}", missing.join(", "));
        };
        let ways = [self.topic.is_some(), self.all_topic_partitions, self.path_to_json_file.is_some()];
        if ways.iter().filter(|way| **way).count() != 1 {
            bail!(
                "One and only one of the following options is required: topic, all-topic-partitions, path-to-json-file"
            );
        }
        match (&self.topic, self.partition) {
            (Some(_), None) => bail!("Missing required option(s): partition"),
            (None, Some(_)) => bail!("Option partition is only allowed if topic is used"),
            _ => Ok((bootstrap, election)),
        }
    }

    /// The partitions that are named; `None` for all.
    fn partitions(&self) -> anyhow::Result<Option<Vec<TopicPartition>>> {
        if let (Some(topic), Some(partition)) = (&self.topic, self.partition) {
            return Ok(Some(vec![TopicPartition::new(topic.as_str(), partition)]));
        }
        let Some(path) = &self.path_to_json_file else { return Ok(None) };
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        parse(&text).map(Some)
    }
}

fn parse(text: &str) -> anyhow::Result<Vec<TopicPartition>> {
    let Ok(json) = serde_json::from_str::<serde_json::Value>(text) else {
        bail!("Replica election data is empty");
    };
    let Some(list) = json.get("partitions").and_then(serde_json::Value::as_array) else {
        bail!("Replica election data is missing \"partitions\" field");
    };
    let mut partitions: BTreeMap<TopicPartition, usize> = BTreeMap::new();
    for item in list {
        let topic = item.get("topic").and_then(serde_json::Value::as_str);
        let number = item.get("partition").and_then(serde_json::Value::as_i64);
        let (Some(topic), Some(number)) = (topic, number.and_then(|number| i32::try_from(number).ok()))
        else {
            bail!("each partition needs topic and partition, but this is given: {item}");
        };
        *partitions.entry(TopicPartition::new(topic, number)).or_default() += 1;
    }
    let twice: Vec<String> = partitions
        .iter()
        .filter(|(_, times)| **times > 1)
        .map(|(partition, _)| partition.to_string())
        .collect();
    if !twice.is_empty() {
        bail!("Replica election data contains duplicate partitions: [{}]", twice.join(", "));
    }
    Ok(partitions.into_keys().collect())
}

fn report(results: ByPartition<()>, election: Election) -> anyhow::Result<ExitCode> {
    let (mut elected, mut unneeded, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for (partition, result) in results {
        match result {
            Ok(()) => elected.push(partition),
            Err(error) if error.code() == Some(ErrorCode::ElectionNotNeeded) => unneeded.push(partition),
            Err(error) => failed.push((partition, error)),
        }
    }
    let joined = |partitions: Vec<TopicPartition>| {
        let ordered = java::partition_order(partitions, |partition| partition);
        ordered.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    let kind = election.name();
    if !elected.is_empty() {
        println!("Successfully completed leader election ({kind}) for partitions {}", joined(elected));
    }
    if !unneeded.is_empty() {
        println!("Valid replica already elected for partitions {}", joined(unneeded));
    }
    let count = failed.len();
    for (partition, error) in java::partition_order(failed, |(partition, _)| partition) {
        let error = java::error_text(&error);
        println!("Error completing leader election ({kind}) for partition: {partition}: {error}");
    }
    if count > 0 {
        bail!("{count} replica(s) could not be elected");
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn election_files_are_read() {
        let good = r#"{"partitions": [{"topic": "t", "partition": 1}, {"topic": "a", "partition": 0}]}"#;
        assert_eq!(parse(good).unwrap(), vec![TopicPartition::new("a", 0), TopicPartition::new("t", 1)]);
        for (text, expect) in [
            ("", "Replica election data is empty"),
            ("{}", "Replica election data is missing \"partitions\" field"),
            (
                r#"{"partitions": [{"topic": "t", "partition": 1}, {"topic": "t", "partition": 1}]}"#,
                "Replica election data contains duplicate partitions: [t-1]",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), expect);
        }
    }
}
