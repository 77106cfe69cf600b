//! `klamm streams-groups` (kafka-streams-groups): lists, describes and deletes streams groups, resets and deletes their
//! offsets, and deletes the topics that belong to them.

mod delete;
mod describe;
pub(super) mod internal_topics;
mod reset;

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use klamm_client::{
    ClientError, TopicPartition,
    admin::{Admin, GroupListing, StreamsGroupDescription},
    consumer::OffsetAndMetadata,
};

use super::group_command::{
    Connection, STATES, Usage, Views, exclusive, names, reset::Scenario, tables::state_table,
};
use crate::cli::Call;
use crate::{java, session};

/// Lists, describes and deletes streams groups; resets and deletes their offsets, and deletes their internal topics.
#[derive(clap::Parser)]
#[command(arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(flatten)]
    connection: Connection,
    /// Lists streams groups.
    #[arg(long, help_heading = "Actions")]
    list: bool,
    /// Describes streams groups: lag of what they read, or --members, or --state.
    #[arg(long, help_heading = "Actions")]
    describe: bool,
    /// Deletes streams groups that have no members.
    #[arg(long, help_heading = "Actions")]
    delete: bool,
    /// Sets where streams groups without members go on; only shows it with --dry-run.
    #[arg(long, help_heading = "Actions")]
    reset_offsets: bool,
    /// Deletes committed offsets of a streams group without members.
    #[arg(long, help_heading = "Actions")]
    delete_offsets: bool,
    /// The group; can be given many times.
    #[arg(long, value_name = "ID")]
    group: Vec<String>,
    /// All streams groups.
    #[arg(long)]
    all_groups: bool,
    /// A topic that the group reads, or some of its partitions as `topic:0,1`; can be given many times.
    #[arg(long, value_name = "TOPIC")]
    input_topic: Vec<String>,
    /// All topics that the group reads and that are not its own.
    #[arg(long)]
    all_input_topics: bool,
    #[command(flatten)]
    views: Views,
    /// Only shows what --reset-offsets would do.
    #[arg(long)]
    dry_run: bool,
    /// Does what --reset-offsets says.
    #[arg(long)]
    execute: bool,
    /// Prints what --reset-offsets does as CSV, which --from-file reads.
    #[arg(long)]
    export: bool,
    /// With --reset-offsets --execute: an internal topic to delete; can be given many times.
    #[arg(long, value_name = "TOPIC")]
    delete_internal_topic: Vec<String>,
    /// With --delete, or --reset-offsets --execute: deletes all changelog and repartition topics of the group.
    #[arg(long)]
    delete_all_internal_topics: bool,
    #[command(flatten)]
    to: Scenario,
}

const EXAMPLES: &str = "Examples:
  klamm streams-groups --bootstrap-server localhost:9092 --describe --group app
  klamm streams-groups --bootstrap-server localhost:9092 --reset-offsets --group app --all-input-topics --to-earliest --execute";

/// The states that a streams group can be in.
const STATE_NAMES: &[&str] = &["Stable", "Dead", "Empty", "Assigning", "Reconciling", "NotReady"];

/// A failure that Kafka's tool wraps once more, which shows in its text.
#[derive(Debug, thiserror::Error)]
#[error("java.util.concurrent.ExecutionException: {}", java::error_text(.0))]
struct Wrapped(#[source] ClientError);

pub(crate) fn run(call: &Call) -> anyhow::Result<ExitCode> {
    let options: Options = match call.parse() {
        Ok(options) => options,
        Err(status) => return Ok(status),
    };
    if let Err(message) = options.check() {
        return Ok(call.usage_error(&message));
    }
    let result = options.connection.run(async |admin| options.act(admin).await);
    Ok(report(call, result))
}

/// Tells how it went: unlike its siblings, Kafka's tool for streams groups ends with status 1 when it failed.
fn report(call: &Call, result: anyhow::Result<()>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    if error.is::<Usage>() {
        return call.usage_error(&error.to_string());
    }
    let text = if error.is::<Wrapped>() { error.to_string() } else { java::exception_text(&error) };
    println!("\nError: Executing streams group command failed due to {text}");
    if let Some(remedy) = session::remedy_of(&error) {
        eprintln!("{remedy}");
    }
    ExitCode::FAILURE
}

impl Options {
    fn check(&self) -> Result<(), String> {
        self.views.check_available(self.describe, self.list)?;
        self.connection.check()?;
        self.check_scopes()?;
        if self.reset_offsets {
            self.check_reset()?;
        }
        self.check_internal_topics()?;
        if (self.dry_run || self.execute) && !self.reset_offsets {
            return Err("Only Option [reset-offsets] accepts [execute] or [dry-run]".to_owned());
        }
        let (group, topic) =
            (("group", !self.group.is_empty()), ("input-topic", !self.input_topic.is_empty()));
        exclusive(group, ("all-groups", self.all_groups))?;
        exclusive(group, ("list", self.list))?;
        exclusive(topic, ("list", self.list))?;
        exclusive(topic, ("describe", self.describe))?;
        exclusive(topic, ("delete", self.delete))?;
        let actions = [self.list, self.describe, self.delete, self.reset_offsets, self.delete_offsets];
        if actions.iter().filter(|given| **given).count() != 1 {
            return Err(
                "Command must include exactly one action: --list, --describe, --delete, --reset-offsets, or --delete-offsets."
                    .to_owned(),
            );
        }
        Ok(())
    }

    fn check_scopes(&self) -> Result<(), String> {
        let has_topics = !self.input_topic.is_empty() || self.all_input_topics;
        if self.describe {
            self.check_groups("describe")?;
            self.views.check_described()?;
        }
        if self.delete {
            self.check_groups("delete")?;
            if has_topics {
                return Err(
                    "Kafka Streams does not support topic-specific offset deletion from a streams group."
                        .to_owned(),
                );
            }
        }
        if self.delete_offsets {
            if self.group.is_empty() || !has_topics {
                return Err(
                    "Option [delete-offsets] takes the [group] and one of these options: [all-input-topics], [input-topic]"
                        .to_owned(),
                );
            }
            if self.group.len() > 1 {
                return Err(format!(
                    "Option [delete-offsets] supports only one [group] at a time, but found: [{}]",
                    self.group.join(", ")
                ));
            }
        }
        Ok(())
    }

    fn check_groups(&self, action: &str) -> Result<(), String> {
        if self.group.is_empty() && !self.all_groups {
            return Err(format!("Option [{action}] takes one of these options: [all-groups], [group]"));
        }
        Ok(())
    }

    fn check_reset(&self) -> Result<(), String> {
        if self.dry_run && self.execute {
            return Err("Option [reset-offsets] only accepts one of [execute] and [dry-run]".to_owned());
        }
        if !self.dry_run && !self.execute {
            return Err("Option [reset-offsets] takes the option: [execute] or [dry-run]".to_owned());
        }
        self.check_groups("reset-offsets")?;
        self.to.check()
    }

    fn check_internal_topics(&self) -> Result<(), String> {
        let resets = self.reset_offsets && self.execute;
        let refused = if self.delete_all_internal_topics {
            if self.reset_offsets {
                (!resets).then_some(
                    "Option [delete-all-internal-topics] takes [execute] when [reset-offsets] is used.",
                )
            } else {
                (!self.delete).then_some(
                    "Option [delete-all-internal-topics] takes one of these options: [delete], [reset-offsets]",
                )
            }
        } else {
            let is_alone = !self.delete_internal_topic.is_empty() && !resets;
            is_alone.then_some("Option [delete-internal-topic] takes [reset-offsets] when [execute] is used.")
        };
        refused.map_or(Ok(()), |message| Err(message.to_owned()))
    }

    async fn act(&self, admin: &Admin) -> anyhow::Result<()> {
        if self.list {
            self.list(admin).await
        } else if self.describe {
            describe::describe(self, admin).await
        } else if self.delete {
            delete::delete(self, admin).await
        } else if self.reset_offsets {
            reset::reset(self, admin).await
        } else {
            delete::delete_offsets(self, admin).await
        }
    }

    async fn list(&self, admin: &Admin) -> anyhow::Result<()> {
        if self.views.state.is_some() {
            let states = names(self.views.state.as_deref(), STATE_NAMES, STATES)?;
            print!("{}", state_table(&listed(admin, &states).await?));
        } else {
            let groups = listed(admin, &[]).await.map_err(Wrapped)?;
            groups.iter().for_each(|group| println!("{}", group.group_id));
        }
        Ok(())
    }

    /// The groups that the command line names, or all that there are.
    async fn groups(&self, admin: &Admin) -> anyhow::Result<Vec<String>> {
        if !self.all_groups {
            return Ok(self.group.clone());
        }
        let groups = listed(admin, &[]).await.map_err(Wrapped)?;
        Ok(groups.into_iter().map(|group| group.group_id).collect())
    }
}

async fn listed(admin: &Admin, states: &[String]) -> Result<Vec<GroupListing>, ClientError> {
    admin.list_groups(states, &["Streams".to_owned()]).await
}

/// Committed offsets of a group in the topics that it reads: with `repartition`, in its own ones too.
async fn committed(
    admin: &Admin,
    group: &str,
    repartition: bool,
) -> anyhow::Result<BTreeMap<TopicPartition, OffsetAndMetadata>> {
    let described = admin.describe_streams_group(group).await.map_err(Wrapped)?;
    let topics = sources(&described, repartition);
    let mut offsets = admin.consumer_group_offsets(group).await.map_err(Wrapped)?;
    offsets.retain(|partition, _| topics.contains(&*partition.topic));
    Ok(offsets)
}

fn sources(group: &StreamsGroupDescription, repartition: bool) -> BTreeSet<&str> {
    let mut topics = BTreeSet::new();
    for part in &group.subtopologies {
        topics.extend(part.source_topics.iter().map(String::as_str));
        if repartition {
            topics.extend(part.repartition_source_topics.iter().map(String::as_str));
        }
    }
    topics
}

#[cfg(test)]
mod tests;
