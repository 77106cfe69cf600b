//! `klamm streams-application-reset` (kafka-streams-application-reset): sets a Streams application back to where it
//! begins, for applications of either group protocol that are not running.

mod offsets;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use klamm_client::{TopicPartition, admin::Admin, consumer::OffsetAndMetadata};
use klamm_protocol::ErrorCode;

use super::group_command::exclusive;
use super::streams_groups::internal_topics::{delete, is_internal};
use crate::cli::Call;
use crate::{java, session};
use offsets::Target;

/// Sets committed offsets of a stopped Streams application back and deletes its internal topics.
///
/// Topics that it writes stay, and so does the local state of its instances: call KafkaStreams#cleanUp() in them, or
/// delete the folders below `state.dir`.
#[derive(clap::Parser)]
#[command(arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Options {
    /// The application (application.id).
    #[arg(long, value_name = "ID")]
    application_id: Option<String>,
    /// Brokers to connect to, as host:port,host:port.
    #[arg(long, value_name = "SERVER", default_value = "localhost:9092")]
    bootstrap_server: String,
    /// Topics that the application reads, separated by commas: it begins with their first record again.
    #[arg(long, value_name = "TOPICS", value_delimiter = ',')]
    input_topics: Vec<String>,
    /// Deprecated: topics that the application writes and reads, whose records it skips.
    #[arg(long, value_name = "TOPICS", value_delimiter = ',', hide = true)]
    intermediate_topics: Vec<String>,
    /// Internal topics to delete, separated by commas. [default: all]
    #[arg(long, value_name = "TOPICS", value_delimiter = ',')]
    internal_topics: Vec<String>,
    #[command(flatten)]
    to: Target,
    /// Properties file for the clients.
    #[arg(long, value_name = "FILE")]
    command_config: Option<PathBuf>,
    /// Deprecated: use --command-config.
    #[arg(long, value_name = "FILE", hide = true)]
    config_file: Option<PathBuf>,
    /// Removes members that the group still has: the application has to be stopped.
    #[arg(long)]
    force: bool,
    /// Only shows what would be done.
    #[arg(long)]
    dry_run: bool,
}

const EXAMPLES: &str = "Example:
  klamm streams-application-reset --application-id app --input-topics orders,prices --dry-run";

pub(crate) fn run(call: &Call) -> anyhow::Result<ExitCode> {
    let options: Options = match call.parse() {
        Ok(options) => options,
        Err(status) => return Ok(status),
    };
    let Some(application) = options.application_id.clone() else {
        return Ok(call.usage_error("Missing required option(s) [application-id]"));
    };
    if let Err(message) = options.check() {
        return Ok(call.usage_error(&message));
    }
    if options.config_file.is_some() {
        println!(
            "Option --config-file has been deprecated and will be removed in a future version. Use --command-config instead."
        );
    }
    let config = options.config_file.as_deref().or(options.command_config.as_deref());
    let result = session::block_on(async {
        let admin = session::admin(&options.bootstrap_server, config)?;
        let result = options.reset(&admin, &application).await;
        admin.close();
        result
    });
    match result {
        Ok(is_complete) => Ok(if is_complete { ExitCode::SUCCESS } else { ExitCode::FAILURE }),
        Err(error) => {
            eprintln!("ERROR: {}", java::exception_text(&error));
            if let Some(remedy) = session::remedy_of(&error) {
                eprintln!("{remedy}");
            }
            Ok(ExitCode::FAILURE)
        }
    }
}

/// A list as Java prints it.
fn list(items: &[String]) -> String {
    format!("[{}]", items.join(", "))
}

impl Options {
    fn check(&self) -> Result<(), String> {
        self.to.check()?;
        exclusive(
            ("config-file", self.config_file.is_some()),
            ("command-config", self.command_config.is_some()),
        )
    }

    /// Does it all; false if topics of the command line do not exist.
    async fn reset(&self, admin: &Admin, application: &str) -> anyhow::Result<bool> {
        self.remove_members(admin, application).await?;
        let all = admin.list_topics(false).await?;
        let all: Vec<String> = all.into_iter().map(|topic| topic.name.to_string()).collect();
        let all = java::hash_map_order(all, 16, |topic| topic);
        if self.dry_run {
            println!(
                "----Dry run displays the actions which will be performed when running Streams Reset Tool----"
            );
        }
        let is_complete = self.reset_offsets(admin, application, &all).await?;
        self.delete_internal_topics(admin, application, &all).await?;
        Ok(is_complete)
    }

    async fn remove_members(&self, admin: &Admin, application: &str) -> anyhow::Result<()> {
        let described = admin.describe_consumer_groups(&[application.to_owned()]).await.remove(application);
        let members = match described {
            None => return Ok(()),
            Some(Err(error)) if error.code() == Some(ErrorCode::GroupIdNotFound) => return Ok(()),
            Some(result) => result?.members,
        };
        if members.is_empty() {
            return Ok(());
        }
        if !self.force {
            let names: Vec<String> = members.into_iter().map(|member| member.member_id).collect();
            bail!(
                "Consumer group '{application}' is still active and has following members: {}. Make sure to stop all running application instances before running the reset tool. You can use option '--force' to remove active members from the group.",
                list(&names)
            );
        }
        println!("Force deleting all active members in the group: {application}");
        Ok(admin.remove_group_members(application, &members).await?)
    }

    async fn reset_offsets(&self, admin: &Admin, application: &str, all: &[String]) -> anyhow::Result<bool> {
        if !self.intermediate_topics.is_empty() {
            println!("WARN: `--intermediate-topics` is deprecated and will be removed in a future release");
        }
        if self.input_topics.is_empty() && self.intermediate_topics.is_empty() {
            println!("No input or intermediate topics specified. Skipping seek.");
            return Ok(true);
        }
        if !self.input_topics.is_empty() {
            println!("Reset-offsets for input topics {}", list(&self.input_topics));
        }
        if !self.intermediate_topics.is_empty() {
            println!("Seek-to-end for intermediate topics {}", list(&self.intermediate_topics));
        }
        let inputs = known(&self.input_topics, all, "input", "Topic: ");
        let intermediates = known(&self.intermediate_topics, all, "intermediate", "Topic:");
        let is_complete =
            inputs.len() == self.input_topics.len() && intermediates.len() == self.intermediate_topics.len();
        if inputs.is_empty() && intermediates.is_empty() {
            return Ok(is_complete);
        }
        let mut plan = std::collections::BTreeMap::new();
        let partitions = partitions_of(admin, &inputs).await?;
        if !partitions.is_empty() {
            println!("Following input topics offsets will be reset to (for consumer group {application})");
            let offsets = self.to.offsets(admin, application, &partitions).await?;
            for (partition, offset) in java::partition_order(offsets.into_iter().collect(), |(p, _)| p) {
                println!("Topic: {} Partition: {} Offset: {offset}", partition.topic, partition.partition);
                plan.insert(partition, OffsetAndMetadata::new(offset));
            }
        }
        let partitions = partitions_of(admin, &intermediates).await?;
        if !partitions.is_empty() {
            println!(
                "Following intermediate topics offsets will be reset to end (for consumer group {application})"
            );
            partitions.iter().for_each(|partition| println!("Topic: {}", partition.topic));
            for (partition, offset) in offsets::ends(admin, &partitions).await? {
                plan.insert(partition, OffsetAndMetadata::new(offset));
            }
        }
        if !self.dry_run {
            for (_, result) in admin.alter_consumer_group_offsets(application, &plan).await? {
                result?;
            }
        }
        println!("Done.");
        Ok(is_complete)
    }

    async fn delete_internal_topics(
        &self,
        admin: &Admin,
        application: &str,
        all: &[String],
    ) -> anyhow::Result<()> {
        let inferred = self.inferred(application, all);
        let topics = if self.internal_topics.is_empty() {
            println!("Deleting inferred internal topics {}", list(&inferred));
            inferred
        } else {
            if !self.internal_topics.iter().all(|topic| inferred.contains(topic)) {
                bail!(
                    "Invalid topic specified in the --internal-topics option. Ensure that the topics specified are all internal topics. Do a dry run without the --internal-topics option to see the list of all internal topics that can be deleted."
                );
            }
            println!("Deleting specified internal topics {}", list(&self.internal_topics));
            self.internal_topics.clone()
        };
        if !self.dry_run && !topics.is_empty() {
            let failed = delete(admin, &topics).await?;
            failed.iter().for_each(|(topic, error)| eprintln!("ERROR: deleting topic {topic}: {error}"));
            if !failed.is_empty() {
                bail!("Encountered an error deleting one or more topics");
            }
        }
        println!("Done.");
        Ok(())
    }

    /// Topics that are the application's own by their name, and that the command line does not say something else of.
    fn inferred(&self, application: &str, all: &[String]) -> Vec<String> {
        let named: BTreeSet<&String> = self.input_topics.iter().chain(&self.intermediate_topics).collect();
        let own = all.iter().filter(|topic| !named.contains(topic) && is_internal(topic, application));
        own.cloned().collect()
    }
}

/// The topics that exist; tells of the others.
fn known(topics: &[String], all: &[String], kind: &str, label: &str) -> Vec<String> {
    let (known, missing): (Vec<String>, Vec<String>) =
        topics.iter().cloned().partition(|topic| all.contains(topic));
    if !missing.is_empty() {
        println!("Following {kind} topics are not found, skipping them");
        missing.iter().for_each(|topic| println!("{label}{topic}"));
    }
    known
}

async fn partitions_of(admin: &Admin, topics: &[String]) -> anyhow::Result<BTreeSet<TopicPartition>> {
    if topics.is_empty() {
        return Ok(BTreeSet::new());
    }
    let described = admin.describe_topics(topics, 2000).await.context("the topics cannot be described")?;
    let each = described.iter().flat_map(|topic| {
        topic.partitions.iter().map(|partition| TopicPartition::new(topic.name.as_str(), partition.index))
    });
    Ok(each.collect())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn options(arguments: &str) -> Options {
        Options::try_parse_from(format!("x --application-id app {arguments}").split_whitespace()).unwrap()
    }

    #[test]
    fn one_target_is_enough() {
        for (arguments, is_good) in [
            ("", true),
            ("--input-topics a,b --to-latest", true),
            ("--shift-by -3", true),
            ("--to-earliest --to-latest", false),
            ("--to-offset 1 --from-file f", false),
            ("--config-file f --command-config g", false),
        ] {
            assert_eq!(options(arguments).check().is_ok(), is_good, "{arguments}");
        }
    }

    #[test]
    fn topics_that_are_named_are_not_internal() {
        let all: Vec<String> =
            ["app-x-changelog", "app-y-repartition", "app-out", "in"].map(str::to_owned).to_vec();
        for (arguments, expect) in [
            ("", vec!["app-x-changelog", "app-y-repartition"]),
            ("--input-topics in,app-x-changelog", vec!["app-y-repartition"]),
            ("--intermediate-topics app-y-repartition", vec!["app-x-changelog"]),
        ] {
            assert_eq!(options(arguments).inferred("app", &all), expect, "{arguments}");
        }
    }
}
