//! `klamm share-groups` (kafka-share-groups): lists, describes and deletes share groups, resets and deletes their offsets.

mod describe;
mod reset;

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use klamm_client::{
    ClientError,
    admin::{Admin, GroupListing},
};
use klamm_protocol::ErrorCode;

use super::group_command::{
    Connection, STATES, Views,
    delete::{delete_groups, is_of_group},
    exclusive, given, names, one_group, report,
    tables::state_table,
};
use crate::cli::Call;
use crate::java;

/// Lists, describes and deletes share groups; resets and deletes their offsets.
#[derive(clap::Parser)]
#[command(arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(flatten)]
    connection: Connection,
    /// Lists share groups.
    #[arg(long, help_heading = "Actions")]
    list: bool,
    /// Describes share groups: start offsets and lag, or --members, or --state.
    #[arg(long, help_heading = "Actions")]
    describe: bool,
    /// Deletes share groups that have no members.
    #[arg(long, help_heading = "Actions")]
    delete: bool,
    /// Sets where a share group without members goes on; only shows it with --dry-run.
    #[arg(long, help_heading = "Actions")]
    reset_offsets: bool,
    /// Deletes how far a share group without members is in topics.
    #[arg(long, help_heading = "Actions")]
    delete_offsets: bool,
    /// The group; can be given many times.
    #[arg(long, value_name = "ID")]
    group: Vec<String>,
    /// All share groups.
    #[arg(long)]
    all_groups: bool,
    /// A topic, or some of its partitions as `topic:0,1`; can be given many times.
    #[arg(long)]
    topic: Vec<String>,
    /// All topics that the group has offsets of.
    #[arg(long)]
    all_topics: bool,
    #[command(flatten)]
    views: Views,
    /// Only shows what --reset-offsets would do.
    #[arg(long)]
    dry_run: bool,
    /// Does what --reset-offsets says.
    #[arg(long)]
    execute: bool,
    /// To the first record of this time or later: YYYY-MM-DDThh:mm:ss.sss, with Z, or an offset like +02:00.
    #[arg(long, value_name = "TIME", help_heading = "Where to reset to")]
    to_datetime: Option<String>,
    /// To the first record.
    #[arg(long, help_heading = "Where to reset to")]
    to_earliest: bool,
    /// Behind the last record.
    #[arg(long, help_heading = "Where to reset to")]
    to_latest: bool,
}

const EXAMPLES: &str = "Examples:
  klamm share-groups --bootstrap-server localhost:9092 --describe --group g
  klamm share-groups --bootstrap-server localhost:9092 --reset-offsets --group g --topic t --to-earliest --execute";

/// The states that a share group can be in, in the order of Kafka's enum.
const STATE_NAMES: &[&str] = &["Stable", "Dead", "Empty"];

pub(crate) fn run(call: &Call) -> anyhow::Result<ExitCode> {
    let options: Options = match call.parse() {
        Ok(options) => options,
        Err(status) => return Ok(status),
    };
    if let Err(message) = options.check() {
        return Ok(call.usage_error(&message));
    }
    let result = options.connection.run(async |admin| options.act(admin).await);
    Ok(report(call, "share", result))
}

impl Options {
    fn check(&self) -> Result<(), String> {
        self.views.check_available(self.describe, self.list)?;
        self.connection.check()?;
        self.check_scopes()?;
        if self.reset_offsets {
            self.check_reset()?;
        }
        exclusive(("group", !self.group.is_empty()), ("all-groups", self.all_groups))?;
        exclusive(("group", !self.group.is_empty()), ("list", self.list))?;
        exclusive(("topic", !self.topic.is_empty()), ("list", self.list))?;
        exclusive(("topic", !self.topic.is_empty()), ("describe", self.describe))?;
        let actions = [self.list, self.describe, self.delete, self.reset_offsets, self.delete_offsets];
        if actions.iter().filter(|given| **given).count() != 1 {
            return Err(
                "Command must include exactly one action: --list, --describe, --delete, --reset-offsets, --delete-offsets."
                    .to_owned(),
            );
        }
        Ok(())
    }

    fn check_scopes(&self) -> Result<(), String> {
        let no_group = self.group.is_empty() && !self.all_groups;
        if self.describe {
            if no_group {
                return Err("Option [describe] takes one of these options: [all-groups], [group]".to_owned());
            }
            self.views.check_described()?;
        }
        if self.delete {
            if no_group {
                return Err("Option [delete] takes the options [group] or [all-groups]".to_owned());
            }
            if !self.group.is_empty() && self.all_groups {
                return Err("Option [delete] takes either [group] or [all-groups], not both.".to_owned());
            }
            if !self.topic.is_empty() {
                return Err("Option [delete] does not take the option: [topic]".to_owned());
            }
        }
        if self.delete_offsets && (self.group.is_empty() || self.topic.is_empty()) {
            return Err("Option [delete-offsets] takes the following options: [group], [topic]".to_owned());
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
        if self.group.is_empty() {
            return Err("Option [reset-offsets] takes the option: [group]".to_owned());
        }
        if self.topic.is_empty() && !self.all_topics {
            return Err("Option [reset-offsets] takes one of these options: [all-topics], [topic]".to_owned());
        }
        let scenarios = given(&[
            ("to-datetime", self.to_datetime.is_some()),
            ("to-earliest", self.to_earliest),
            ("to-latest", self.to_latest),
        ]);
        match scenarios[..] {
            [] => Err(
                "Option [reset-offsets] takes one of these options: [to-datetime], [to-earliest], [to-latest]"
                    .to_owned(),
            ),
            [one, other, ..] => exclusive((one, true), (other, true)),
            [_] => Ok(()),
        }
    }

    async fn act(&self, admin: &Admin) -> anyhow::Result<()> {
        if self.list {
            self.list(admin).await
        } else if self.describe {
            describe::describe(self, admin).await
        } else if self.delete {
            self.delete(admin).await
        } else if self.reset_offsets {
            reset::reset(self, admin).await
        } else {
            self.delete_offsets(admin).await
        }
    }

    async fn list(&self, admin: &Admin) -> anyhow::Result<()> {
        let states = names(self.views.state.as_deref(), STATE_NAMES, STATES)?;
        let groups = share_groups(admin, &states).await?;
        if self.views.state.is_some() {
            print!("{}", state_table(&groups));
        } else {
            groups.iter().for_each(|group| println!("{}", group.group_id));
        }
        Ok(())
    }

    async fn delete(&self, admin: &Admin) -> anyhow::Result<()> {
        let listed = share_groups(admin, &[]).await?;
        let wanted: BTreeSet<String> = if self.all_groups {
            listed.iter().map(|group| group.group_id.clone()).collect()
        } else {
            self.group.iter().cloned().collect()
        };
        let mut failed: BTreeMap<String, String> = BTreeMap::new();
        for group in &wanted {
            let state =
                listed.iter().find(|known| known.group_id == *group).map(|known| known.state.as_str());
            let problem = match state {
                None => {
                    Some(format!("java.lang.IllegalArgumentException: Group '{group}' is not a share group."))
                }
                Some("Dead") => Some(format!(
                    "java.lang.IllegalStateException: Share group '{group}' group state is DEAD."
                )),
                Some("Empty") => None,
                Some(_) => {
                    let class = java::exception_class(ErrorCode::NonEmptyGroup);
                    Some(format!("{class}: Share group '{group}' is not EMPTY."))
                }
            };
            failed.extend(problem.map(|problem| (group.clone(), problem)));
        }
        let deletable: Vec<String> = wanted.into_iter().filter(|group| !failed.contains_key(group)).collect();
        delete_groups(admin, "share", &deletable, failed).await;
        Ok(())
    }

    async fn delete_offsets(&self, admin: &Admin) -> anyhow::Result<()> {
        let group = one_group(&self.group)?;
        let topics: BTreeSet<String> = self.topic.iter().cloned().collect();
        let results = match admin.delete_share_group_offsets(group, &topics).await {
            Ok(results) => results,
            Err(error) => {
                if is_of_group(error.code()) {
                    println!("\nError: {error}");
                } else {
                    println!("\nError: Encounter some unknown error: {}", java::error_text(&error));
                }
                topics.iter().map(|topic| (topic.clone(), Err(error.clone()))).collect()
            }
        };
        println!("{}", deletion_table(&topics, &results));
        Ok(())
    }
}

async fn share_groups(admin: &Admin, states: &[String]) -> anyhow::Result<Vec<GroupListing>> {
    Ok(admin.list_groups(states, &["Share".to_owned()]).await?)
}

fn deletion_table(topics: &BTreeSet<String>, results: &BTreeMap<String, Result<(), ClientError>>) -> String {
    let width = topics.iter().map(String::len).max().unwrap_or(0).max(15);
    let mut text = format!("\n{:<width$} STATUS", "TOPIC");
    for topic in topics {
        let status = match results.get(topic) {
            Some(Ok(())) => "Successful".to_owned(),
            Some(Err(error)) => format!("Error: {error}"),
            None => {
                format!(
                    "Error: Offset deletion result for topic \"{topic}\" was not included in the response"
                )
            }
        };
        text.push_str(&format!("\n{topic:<width$} {status}"));
    }
    text
}

#[cfg(test)]
mod tests;
