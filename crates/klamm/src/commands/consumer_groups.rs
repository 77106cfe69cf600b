//! `klamm consumer-groups` (kafka-consumer-groups): lists, describes and deletes groups, resets and deletes offsets.

mod describe;
pub(in crate::commands) mod reset;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use klamm_client::{
    ClientError, TopicPartition,
    admin::{Admin, GroupListing},
};
use klamm_protocol::ErrorCode;

use crate::cli::Call;
use crate::{java, session};

/// Lists, describes and deletes consumer groups; resets and deletes their offsets.
#[derive(clap::Parser)]
#[command(arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Brokers to connect to, as host:port,host:port.
    #[arg(long, value_name = "SERVER")]
    bootstrap_server: Option<String>,
    /// Properties file for the admin client.
    #[arg(long, value_name = "FILE")]
    command_config: Option<PathBuf>,
    /// Lists groups.
    #[arg(long, help_heading = "Actions")]
    list: bool,
    /// Describes groups: committed offsets and lag, or --members, or --state.
    #[arg(long, help_heading = "Actions")]
    describe: bool,
    /// Deletes groups that have no members.
    #[arg(long, help_heading = "Actions")]
    delete: bool,
    /// Sets committed offsets of groups that have no members; only shows what would be done without --execute.
    #[arg(long, help_heading = "Actions")]
    reset_offsets: bool,
    /// Deletes committed offsets of topics that no member reads.
    #[arg(long, help_heading = "Actions")]
    delete_offsets: bool,
    /// Says whether a regular expression for subscriptions is valid.
    #[arg(long, value_name = "REGEX", help_heading = "Actions")]
    validate_regex: Option<String>,
    /// The group; can be given many times.
    #[arg(long, value_name = "ID")]
    group: Vec<String>,
    /// All groups.
    #[arg(long)]
    all_groups: bool,
    /// A topic, or some of its partitions as `topic:0,1`; can be given many times.
    #[arg(long)]
    topic: Vec<String>,
    /// All topics that the group has committed offsets of.
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
    /// With --list: the type of each, or only groups of these types (classic, consumer).
    #[arg(long = "type", value_name = "TYPES", num_args = 0..=1, default_missing_value = "")]
    group_type: Option<String>,
    /// Describes more of each.
    #[arg(long)]
    verbose: bool,
    /// Only shows what --reset-offsets would do.
    #[arg(long)]
    dry_run: bool,
    /// Does what --reset-offsets says.
    #[arg(long)]
    execute: bool,
    /// Prints what --reset-offsets does as CSV, which --from-file reads.
    #[arg(long)]
    export: bool,
    /// To this offset.
    #[arg(long, value_name = "OFFSET", allow_hyphen_values = true, help_heading = "Where to reset to")]
    to_offset: Option<i64>,
    /// To what a CSV file says: topic,partition,offset or group,topic,partition,offset.
    #[arg(long, value_name = "FILE", help_heading = "Where to reset to")]
    from_file: Option<PathBuf>,
    /// To the first record of this time or later: YYYY-MM-DDThh:mm:ss.sss, with Z, or an offset like +02:00.
    #[arg(long, value_name = "TIME", help_heading = "Where to reset to")]
    to_datetime: Option<String>,
    /// To the first record that is no older than this: PnDTnHnMnS.
    #[arg(long, value_name = "DURATION", help_heading = "Where to reset to")]
    by_duration: Option<String>,
    /// To the first record.
    #[arg(long, help_heading = "Where to reset to")]
    to_earliest: bool,
    /// Behind the last record.
    #[arg(long, help_heading = "Where to reset to")]
    to_latest: bool,
    /// To the committed offset; behind the last record where there is none.
    #[arg(long, help_heading = "Where to reset to")]
    to_current: bool,
    /// By so many records forwards, or backwards if negative.
    #[arg(long, value_name = "COUNT", allow_hyphen_values = true, help_heading = "Where to reset to")]
    shift_by: Option<i64>,
    /// Milliseconds that the operation may take.
    #[arg(long, value_name = "MS", default_value_t = 30_000)]
    timeout: i64,
    /// Prints JSON instead (--list, --describe); not in Kafka's tool.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "Examples:
  klamm consumer-groups --bootstrap-server localhost:9092 --describe --group g
  klamm consumer-groups --bootstrap-server localhost:9092 --reset-offsets --group g --topic t --to-earliest --execute";

pub(crate) fn run(call: &Call) -> anyhow::Result<ExitCode> {
    let options: Options = match call.parse() {
        Ok(options) => options,
        Err(status) => return Ok(status),
    };
    if let Err(message) = options.check() {
        return Ok(call.usage_error(&message));
    }
    if let Some(regex) = &options.validate_regex {
        match regex::Regex::new(regex) {
            Ok(_) => println!("The regular expression `{regex}` is valid."),
            Err(error) => {
                let reason = error.to_string();
                let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
                println!("The regular expression `{regex}` is invalid: {reason}.");
            }
        }
        return Ok(ExitCode::SUCCESS);
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
        Err(error) => {
            // Kafka's tool reports failures on standard output and ends with status 0.
            println!(
                "\nError: Executing consumer group command failed due to {}",
                java::exception_text(&error)
            );
            if let Some(remedy) = session::remedy_of(&error) {
                eprintln!("{remedy}");
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// The command line is at fault, as seen only after the cluster was asked.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(in crate::commands) struct Usage(pub(in crate::commands) String);

impl Options {
    fn scenarios(&self) -> Vec<&'static str> {
        [
            (self.to_offset.is_some(), "to-offset"),
            (self.to_datetime.is_some(), "to-datetime"),
            (self.by_duration.is_some(), "by-duration"),
            (self.to_earliest, "to-earliest"),
            (self.to_latest, "to-latest"),
            (self.to_current, "to-current"),
            (self.shift_by.is_some(), "shift-by"),
            (self.from_file.is_some(), "from-file"),
        ]
        .into_iter()
        .filter_map(|(given, name)| given.then_some(name))
        .collect()
    }

    #[expect(clippy::too_many_lines, reason = "one rule after the other, as the tool states them")]
    fn check(&self) -> Result<(), String> {
        if self.validate_regex.is_none() && self.bootstrap_server.is_none() {
            return Err("Missing required argument \"[bootstrap-server]\"".to_owned());
        }
        let no_group = self.group.is_empty() && !self.all_groups;
        let action = [
            (self.list, "list"),
            (self.describe, "describe"),
            (self.delete, "delete"),
            (self.reset_offsets, "reset-offsets"),
            (self.delete_offsets, "delete-offsets"),
            (self.validate_regex.is_some(), "validate-regex"),
        ];
        let actions: Vec<&str> = action.iter().filter(|(given, _)| *given).map(|(_, name)| *name).collect();
        for name in &actions {
            if matches!(*name, "describe" | "delete" | "reset-offsets") && no_group {
                return Err(format!("Option [{name}] takes one of these options: [group], [all-groups]"));
            }
        }
        let clash = |one: &str, other: &str| {
            Err(format!("Option \"[{one}]\" can't be used with option \"[{other}]\""))
        };
        if self.describe {
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
        } else if self.members || self.verbose || self.offsets {
            let name = if self.members {
                "members"
            } else if self.verbose {
                "verbose"
            } else {
                "offsets"
            };
            return Err(format!(
                "Option(s) [{name}] are unavailable given other options on the command line"
            ));
        }
        if self.delete && !self.topic.is_empty() {
            return Err(
                "The consumer does not support topic-specific offset deletion from a consumer group."
                    .to_owned(),
            );
        }
        if self.delete_offsets && (self.group.is_empty() || self.topic.is_empty()) {
            return Err("Option [delete-offsets] takes the following options: [group], [topic]".to_owned());
        }
        if self.reset_offsets {
            if self.dry_run && self.execute {
                return Err("Option [reset-offsets] only accepts one of [execute] and [dry-run]".to_owned());
            }
            if let [one, other, ..] = self.scenarios()[..] {
                return clash(one, other);
            }
        }
        if !self.group.is_empty() && self.all_groups {
            return clash("group", "all-groups");
        }
        if !self.group.is_empty() && self.list {
            return clash("group", "list");
        }
        if !self.topic.is_empty() && (self.list || self.describe) {
            return clash("topic", if self.list { "list" } else { "describe" });
        }
        if actions.len() != 1 {
            return Err(
                "Command must include exactly one action: --list, --describe, --delete, --reset-offsets, --delete-offsets, --validate-regex"
                    .to_owned(),
            );
        }
        if self.reset_offsets && !self.dry_run && !self.execute {
            eprintln!(
                "WARN: No action will be performed as the --execute option is missing. Add --dry-run if that is what you want."
            );
        }
        Ok(())
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

    async fn groups(&self, admin: &Admin) -> anyhow::Result<Vec<String>> {
        if !self.all_groups {
            return Ok(self.group.clone());
        }
        let listed = admin.list_consumer_groups(&[], &[]).await?;
        Ok(listed.into_iter().map(|group| group.group_id).collect())
    }

    async fn list(&self, admin: &Admin) -> anyhow::Result<()> {
        let states = names(self.state.as_deref(), STATES, "state")?;
        let types = names(self.group_type.as_deref(), &["Classic", "Consumer"], "types")?;
        let groups = admin.list_consumer_groups(&states, &types).await?;
        if self.json {
            let list: Vec<serde_json::Value> = groups
                .iter()
                .map(|g| serde_json::json!({ "group": g.group_id, "type": g.group_type, "state": g.state }))
                .collect();
            println!("{}", serde_json::Value::Array(list));
        } else if self.state.is_none() && self.group_type.is_none() {
            for group in groups {
                println!("{}", group.group_id);
            }
        } else {
            print!("{}", self.table(&groups));
        }
        Ok(())
    }

    fn table(&self, groups: &[GroupListing]) -> String {
        let width = groups.iter().map(|group| group.group_id.len()).max().unwrap_or(0).max(15) + 10;
        let row = |group: &str, kind: &str, state: &str| {
            let mut line = format!("{group:<width$}");
            if self.group_type.is_some() {
                line.push_str(&format!(" {kind:<20}"));
            }
            if self.state.is_some() {
                line.push_str(&format!(" {state:<20}"));
            }
            line + "\n"
        };
        let mut text = row("GROUP", "TYPE", "STATE");
        for group in groups {
            text.push_str(&row(&group.group_id, &capitalized(&group.group_type), &group.state));
        }
        text
    }

    async fn delete(&self, admin: &Admin) -> anyhow::Result<()> {
        let groups = self.groups(admin).await?;
        let results = admin.delete_consumer_groups(&groups).await;
        let good: Vec<String> =
            results.iter().filter(|(_, r)| r.is_ok()).map(|(group, _)| format!("'{group}'")).collect();
        if good.len() == results.len() {
            println!("Deletion of requested consumer groups ({}) was successful.", good.join(", "));
            return Ok(());
        }
        println!("\nError: Deletion of some consumer groups failed:");
        for (group, result) in &results {
            if let Err(error) = result {
                println!("* Group '{group}' could not be deleted due to: {}", java::error_text(error));
            }
        }
        if !good.is_empty() {
            println!("\nThese consumer groups were deleted successfully: {}", good.join(", "));
        }
        Ok(())
    }

    #[expect(clippy::too_many_lines, reason = "what is printed for each outcome")]
    async fn delete_offsets(&self, admin: &Admin) -> anyhow::Result<()> {
        let [group] = &self.group[..] else {
            bail!(Usage("Found multiple arguments for option group, but you asked for only one".to_owned()))
        };
        let mut results: BTreeMap<TopicPartition, Result<(), ClientError>> = BTreeMap::new();
        let mut partitions = BTreeSet::new();
        for topic in &self.topic {
            if topic.contains(':') {
                partitions.extend(parse_partitions(topic)?);
                continue;
            }
            match admin.describe_topics(std::slice::from_ref(topic), 2000).await {
                Ok(described) => {
                    let all = described.iter().flat_map(|topic| {
                        topic.partitions.iter().map(|p| TopicPartition::new(topic.name.as_str(), p.index))
                    });
                    partitions.extend(all);
                }
                Err(error) => drop(results.insert(TopicPartition::new(topic.as_str(), -1), Err(error))),
            }
        }
        let mut whole: Result<(), ClientError> = Ok(());
        match admin.delete_consumer_group_offsets(group, &partitions).await {
            Ok(found) => {
                if let Some(error) = found.values().find_map(|result| result.as_ref().err()) {
                    whole = Err(error.clone());
                }
                results.extend(found);
            }
            Err(error) => {
                results.extend(partitions.into_iter().map(|partition| (partition, Err(error.clone()))));
                whole = Err(error);
            }
        }
        match whole.as_ref().err().map(|error| (error, error.code())) {
            None => println!("Request succeeded for deleting offsets from group {group}."),
            Some((
                error,
                Some(
                    ErrorCode::InvalidGroupId
                    | ErrorCode::GroupIdNotFound
                    | ErrorCode::GroupAuthorizationFailed
                    | ErrorCode::NonEmptyGroup,
                ),
            )) => println!("\nError: {error}"),
            Some((
                _,
                Some(
                    ErrorCode::GroupSubscribedToTopic
                    | ErrorCode::TopicAuthorizationFailed
                    | ErrorCode::UnknownTopicOrPartition,
                ),
            )) => println!("\nError: Encountered some partition-level error, see the follow-up details."),
            Some((error, _)) => println!("\nError: Encountered some unknown error: {error}"),
        }
        let width = results.keys().map(|partition| partition.topic.len()).max().unwrap_or(0).max(15);
        let row = |topic: &str, partition: &str, status: &str| {
            print!("\n{topic:<width$} {partition:<10} {status:<15}");
        };
        row("TOPIC", "PARTITION", "STATUS");
        for (partition, result) in &results {
            let status = match result {
                Ok(()) => "Successful".to_owned(),
                Err(error) => format!("Error: {}", java::error_text(error)),
            };
            let number =
                if partition.partition < 0 { "-".to_owned() } else { partition.partition.to_string() };
            row(&partition.topic, &number, &status);
        }
        println!();
        Ok(())
    }
}

/// States of consumer groups.
const STATES: &[&str] =
    &["PreparingRebalance", "CompletingRebalance", "Stable", "Dead", "Empty", "Assigning", "Reconciling"];

/// Reads a list of names, in small or capital letters.
fn names(text: Option<&str>, valid: &[&str], what: &str) -> anyhow::Result<Vec<String>> {
    let text = text.unwrap_or_default();
    if text.is_empty() {
        return Ok(Vec::new());
    }
    text.split(',')
        .map(|name| match valid.iter().find(|known| known.eq_ignore_ascii_case(name.trim())) {
            Some(known) => Ok((*known).to_owned()),
            None => {
                bail!(Usage(format!("Invalid {what} list '{text}'. Valid {what} are: {}", valid.join(", "))))
            }
        })
        .collect()
}

/// Kafka prints types as `Classic`; brokers send them in small letters or so.
fn capitalized(kind: &str) -> String {
    let mut chars = kind.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars.flat_map(char::to_lowercase)).collect(),
        None => "Unknown".to_owned(),
    }
}

/// Reads `topic:0,1`.
fn parse_partitions(text: &str) -> anyhow::Result<Vec<TopicPartition>> {
    let Some((topic, partitions)) =
        text.split_once(':').filter(|(_, rest)| !rest.is_empty() && !rest.contains(':'))
    else {
        bail!(Usage(format!("Invalid topic arg '{text}', expected topic name and partitions")));
    };
    partitions
        .split(',')
        .map(|number| match number.parse::<i32>() {
            Ok(number) => Ok(TopicPartition::new(topic, number)),
            Err(_) => bail!(Usage(format!("Invalid partition '{number}' specified in topic arg '{text}''"))),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn check(arguments: &str) -> Result<(), String> {
        let words = std::iter::once("x").chain(arguments.split_whitespace());
        Options::try_parse_from(words).unwrap().check()
    }

    #[test]
    fn contradictions_are_refused() {
        for (arguments, expect) in [
            ("--bootstrap-server a:1 --list --state", None),
            ("--bootstrap-server a:1 --describe --all-groups --members --verbose", None),
            ("--list", Some("Missing required argument \"[bootstrap-server]\"")),
            ("--bootstrap-server a:1 --describe", Some("Option [describe] takes one of these options")),
            (
                "--bootstrap-server a:1 --describe --group g --members --state",
                Some("Option [describe] takes at most"),
            ),
            ("--bootstrap-server a:1 --delete --group g --topic t", Some("The consumer does not support")),
            (
                "--bootstrap-server a:1 --reset-offsets --group g --to-latest --to-earliest",
                Some("Option \"[to-earliest]\" can't"),
            ),
            (
                "--bootstrap-server a:1 --reset-offsets --group g --dry-run --execute",
                Some("Option [reset-offsets] only"),
            ),
            ("--bootstrap-server a:1 --delete-offsets --group g", Some("Option [delete-offsets] takes the")),
            ("--bootstrap-server a:1 --list --members", Some("Option(s) [members] are unavailable")),
            ("--bootstrap-server a:1", Some("Command must include exactly one action")),
            ("--validate-regex a", None),
        ] {
            match (check(arguments), expect) {
                (Ok(()), None) => {}
                (Err(message), Some(start)) => assert!(message.starts_with(start), "{arguments}: {message}"),
                (got, _) => panic!("{arguments}: {got:?}"),
            }
        }
    }

    #[test]
    fn names_and_partitions_are_read() {
        assert_eq!(names(Some("stable, EMPTY"), STATES, "state").unwrap(), ["Stable", "Empty"]);
        assert!(names(Some("bad"), STATES, "state").is_err());
        assert_eq!(
            parse_partitions("t:0,2").unwrap(),
            [TopicPartition::new("t", 0), TopicPartition::new("t", 2)]
        );
        assert_eq!(
            parse_partitions("t:x").unwrap_err().to_string(),
            "Invalid partition 'x' specified in topic arg 't:x''"
        );
        assert_eq!((capitalized("CLASSIC"), capitalized("")), ("Classic".to_owned(), "Unknown".to_owned()));
    }
}
