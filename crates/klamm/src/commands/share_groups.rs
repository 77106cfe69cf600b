//! `klamm share-groups` (kafka-share-groups): lists, describes and deletes share groups, resets and deletes their offsets.

mod describe;
mod reset;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use klamm_client::{
    ClientError,
    admin::{Admin, GroupListing},
};
use klamm_protocol::ErrorCode;

use super::consumer_groups::Usage;
use crate::cli::Call;
use crate::{java, session};

/// Lists, describes and deletes share groups; resets and deletes their offsets.
#[derive(clap::Parser)]
#[command(arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Brokers to connect to, as host:port,host:port.
    #[arg(long, value_name = "SERVER")]
    bootstrap_server: Option<String>,
    /// Properties file for the admin client.
    #[arg(long, value_name = "FILE")]
    command_config: Option<PathBuf>,
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
    /// Describes members.
    #[arg(long)]
    members: bool,
    /// Describes offsets, as without it.
    #[arg(long)]
    offsets: bool,
    /// Describes the group's state; with --list the state of each, or only groups in these states.
    #[arg(long, value_name = "STATES", num_args = 0..=1, default_missing_value = "")]
    state: Option<String>,
    /// Describes more of each.
    #[arg(long)]
    verbose: bool,
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
    /// Milliseconds that the operation may take.
    #[arg(long, value_name = "MS", default_value_t = 30_000)]
    timeout: i64,
}

const EXAMPLES: &str = "Examples:
  klamm share-groups --bootstrap-server localhost:9092 --describe --group g
  klamm share-groups --bootstrap-server localhost:9092 --reset-offsets --group g --topic t --to-earliest --execute";

/// The states that a share group can be in, in the order of Kafka's enum.
const STATES: &[&str] = &["Stable", "Dead", "Empty"];

/// What ends the command with status 1 and one line on standard error.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Fatal(String);

pub(crate) fn run(call: &Call) -> anyhow::Result<ExitCode> {
    let options: Options = match call.parse() {
        Ok(options) => options,
        Err(status) => return Ok(status),
    };
    if let Err(message) = options.check() {
        return Ok(call.usage_error(&message));
    }
    let result = session::block_on(async {
        let bootstrap = options.bootstrap_server.as_deref().unwrap_or_default();
        let mut properties = session::properties_file(options.command_config.as_deref())?;
        properties.insert("bootstrap.servers".to_owned(), bootstrap.to_owned());
        let is_given = properties.contains_key("default.api.timeout.ms") || options.timeout != 30_000;
        if is_given {
            properties.insert("default.api.timeout.ms".to_owned(), options.timeout.max(0).to_string());
        }
        let config = klamm_client::ClientConfig::new(klamm_client::ClientKind::Admin, properties)?;
        let admin = Admin::new(&config)?;
        let result = options.act(&admin).await;
        admin.close();
        result
    });
    match result {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) if error.is::<Usage>() => Ok(call.usage_error(&error.to_string())),
        Err(error) if error.is::<Fatal>() => {
            eprintln!("{error}");
            Ok(ExitCode::FAILURE)
        }
        Err(error) => {
            // Kafka's tool reports failures on standard output and ends with status 0.
            println!("\nError: Executing share group command failed due to {}", java::exception_text(&error));
            if let Some(remedy) = session::remedy_of(&error) {
                eprintln!("{remedy}");
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

impl Options {
    fn check(&self) -> Result<(), String> {
        self.check_availability()?;
        if self.bootstrap_server.is_none() {
            return Err("Missing required argument \"[bootstrap-server]\"".to_owned());
        }
        self.check_scopes()?;
        if self.reset_offsets {
            self.check_reset()?;
        }
        let clash = |one: &str, other: &str| {
            Err(format!("Option \"[{one}]\" can't be used with option \"[{other}]\""))
        };
        if !self.group.is_empty() && self.all_groups {
            return clash("group", "all-groups");
        }
        if !self.group.is_empty() && self.list {
            return clash("group", "list");
        }
        if !self.topic.is_empty() && (self.list || self.describe) {
            return clash("topic", if self.list { "list" } else { "describe" });
        }
        let actions = [self.list, self.describe, self.delete, self.reset_offsets, self.delete_offsets];
        if actions.iter().filter(|given| **given).count() != 1 {
            return Err(
                "Command must include exactly one action: --list, --describe, --delete, --reset-offsets, --delete-offsets."
                    .to_owned(),
            );
        }
        Ok(())
    }

    fn check_availability(&self) -> Result<(), String> {
        let views = [
            (self.members && !self.describe, "members"),
            (self.offsets && !self.describe, "offsets"),
            (self.state.is_some() && !self.describe && !self.list, "state"),
            (self.verbose && !self.describe, "verbose"),
        ];
        match views.iter().find(|(is_wrong, _)| *is_wrong) {
            Some((_, name)) => {
                Err(format!("Option(s) [{name}] are unavailable given other options on the command line"))
            }
            None => Ok(()),
        }
    }

    fn check_scopes(&self) -> Result<(), String> {
        let no_group = self.group.is_empty() && !self.all_groups;
        if self.describe {
            if no_group {
                return Err("Option [describe] takes one of these options: [all-groups], [group]".to_owned());
            }
            let views = [self.members, self.offsets, self.state.is_some()];
            if views.iter().filter(|given| **given).count() > 1 {
                return Err(
                    "Option [describe] takes at most one of these options: [members], [offsets], [state]"
                        .to_owned(),
                );
            }
            if self.state.as_deref().is_some_and(|value| !value.is_empty()) {
                return Err("Option [describe] does not take a value for [state]".to_owned());
            }
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
        let scenarios = [
            (self.to_datetime.is_some(), "to-datetime"),
            (self.to_earliest, "to-earliest"),
            (self.to_latest, "to-latest"),
        ];
        let given: Vec<&str> = scenarios.iter().filter(|(given, _)| *given).map(|(_, name)| *name).collect();
        match given[..] {
            [] => Err(
                "Option [reset-offsets] takes one of these options: [to-datetime], [to-earliest], [to-latest]"
                    .to_owned(),
            ),
            [one, other, ..] => {
                Err(format!("Option \"[{one}]\" can't be used with option \"[{other}]\""))
            }
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

    /// The one group that an operation is for.
    fn one_group(&self) -> anyhow::Result<&String> {
        match &self.group[..] {
            [group] => Ok(group),
            _ => bail!(Usage(
                "Found multiple arguments for option group, but you asked for only one".to_owned()
            )),
        }
    }

    async fn list(&self, admin: &Admin) -> anyhow::Result<()> {
        let states = states(self.state.as_deref())?;
        let groups = share_groups(admin, &states).await?;
        if self.state.is_some() {
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
        let mut deleted = Vec::new();
        for (group, result) in admin.delete_consumer_groups(&deletable).await {
            match result {
                Ok(()) => deleted.push(group),
                Err(error) => drop(failed.insert(group, java::error_text(&error))),
            }
        }
        print_deletions(deleted, failed);
        Ok(())
    }

    async fn delete_offsets(&self, admin: &Admin) -> anyhow::Result<()> {
        let group = self.one_group()?;
        let topics: BTreeSet<String> = self.topic.iter().cloned().collect();
        let results = match admin.delete_share_group_offsets(group, &topics).await {
            Ok(results) => results,
            Err(error) => {
                match error.code() {
                    Some(
                        ErrorCode::InvalidGroupId
                        | ErrorCode::GroupIdNotFound
                        | ErrorCode::GroupAuthorizationFailed
                        | ErrorCode::NonEmptyGroup,
                    ) => println!("\nError: {error}"),
                    _ => println!("\nError: Encounter some unknown error: {}", java::error_text(&error)),
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

/// The states that a filter names; any if it names none.
fn states(text: Option<&str>) -> anyhow::Result<Vec<String>> {
    let text = text.unwrap_or_default();
    if text.is_empty() {
        return Ok(Vec::new());
    }
    text.split(',')
        .map(|name| match STATES.iter().find(|known| known.eq_ignore_ascii_case(name.trim())) {
            Some(known) => Ok((*known).to_owned()),
            None => {
                bail!(Usage(format!("Invalid state list '{text}'. Valid states are: {}", STATES.join(", "))))
            }
        })
        .collect()
}

fn state_table(groups: &[GroupListing]) -> String {
    let width = groups.iter().map(|group| group.group_id.len()).max().unwrap_or(0).max(15);
    let mut text = format!("{:<width$} STATE\n", "GROUP");
    for group in groups {
        text.push_str(&format!("{:<width$} {}\n", group.group_id, group.state));
    }
    text
}

fn print_deletions(deleted: Vec<String>, failed: BTreeMap<String, String>) {
    let deleted = java::hash_map_order(deleted, 16, |group| group);
    let names: Vec<String> = deleted.iter().map(|group| format!("'{group}'")).collect();
    if failed.is_empty() {
        println!("Deletion of requested share groups ({}) was successful.", names.join(", "));
        return;
    }
    println!("\nError: Deletion of some share groups failed:");
    for (group, error) in java::hash_map_order(failed.into_iter().collect(), 16, |(group, _)| group) {
        println!("* Group '{group}' could not be deleted due to: {error}");
    }
    if !names.is_empty() {
        println!("\nThese share groups were deleted successfully: {}", names.join(", "));
    }
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
