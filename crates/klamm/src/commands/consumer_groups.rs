//! `klamm consumer-groups` (kafka-consumer-groups): lists, describes and deletes groups, resets and deletes offsets.

mod describe;
mod reset;

use std::collections::BTreeMap;
use std::process::ExitCode;

use klamm_client::admin::{Admin, GroupListing};

use super::group_command::{
    Connection, STATES, TYPES, Views,
    delete::{delete_groups, delete_offsets, partitions_of_each},
    exclusive, given, names, one_group, report,
    reset::Scenario,
};
use crate::cli::Call;

/// Lists, describes and deletes consumer groups; resets and deletes their offsets.
#[derive(clap::Parser)]
#[command(arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(flatten)]
    connection: Connection,
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
    #[command(flatten)]
    views: Views,
    /// With --list: the type of each, or only groups of these types (classic, consumer).
    #[arg(long = "type", value_name = "TYPES", num_args = 0..=1, default_missing_value = "")]
    group_type: Option<String>,
    /// Only shows what --reset-offsets would do.
    #[arg(long)]
    dry_run: bool,
    /// Does what --reset-offsets says.
    #[arg(long)]
    execute: bool,
    /// Prints what --reset-offsets does as CSV, which --from-file reads.
    #[arg(long)]
    export: bool,
    #[command(flatten)]
    to: Scenario,
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
    let result = options.connection.run(async |admin| options.act(admin).await);
    Ok(report(call, "consumer", result))
}

impl Options {
    fn check(&self) -> Result<(), String> {
        if self.validate_regex.is_none() {
            self.connection.check()?;
        }
        let actions = given(&[
            ("list", self.list),
            ("describe", self.describe),
            ("delete", self.delete),
            ("reset-offsets", self.reset_offsets),
            ("delete-offsets", self.delete_offsets),
            ("validate-regex", self.validate_regex.is_some()),
        ]);
        let no_group = self.group.is_empty() && !self.all_groups;
        for name in &actions {
            if matches!(*name, "describe" | "delete" | "reset-offsets") && no_group {
                return Err(format!("Option [{name}] takes one of these options: [group], [all-groups]"));
            }
        }
        self.views.check_available(self.describe, self.list)?;
        if self.describe {
            self.views.check_described()?;
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
            self.to.check()?;
        }
        exclusive(("group", !self.group.is_empty()), ("all-groups", self.all_groups))?;
        exclusive(("group", !self.group.is_empty()), ("list", self.list))?;
        exclusive(("topic", !self.topic.is_empty()), ("list", self.list))?;
        exclusive(("topic", !self.topic.is_empty()), ("describe", self.describe))?;
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
        let states = names(self.views.state.as_deref(), STATE_NAMES, STATES)?;
        let types = names(self.group_type.as_deref(), &["Classic", "Consumer"], TYPES)?;
        let groups = admin.list_consumer_groups(&states, &types).await?;
        if self.json {
            let list: Vec<serde_json::Value> = groups
                .iter()
                .map(|g| serde_json::json!({ "group": g.group_id, "type": g.group_type, "state": g.state }))
                .collect();
            println!("{}", serde_json::Value::Array(list));
        } else if self.views.state.is_none() && self.group_type.is_none() {
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
            if self.views.state.is_some() {
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
        delete_groups(admin, "consumer", &groups, BTreeMap::new()).await;
        Ok(())
    }

    async fn delete_offsets(&self, admin: &Admin) -> anyhow::Result<()> {
        let group = one_group(&self.group)?;
        let (partitions, unknown) = partitions_of_each(admin, &self.topic).await?;
        delete_offsets(admin, group, partitions, unknown).await;
        Ok(())
    }
}

/// States of consumer groups.
const STATE_NAMES: &[&str] =
    &["PreparingRebalance", "CompletingRebalance", "Stable", "Dead", "Empty", "Assigning", "Reconciling"];

/// Kafka prints types as `Classic`; brokers send them in small letters or so.
fn capitalized(kind: &str) -> String {
    let mut chars = kind.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars.flat_map(char::to_lowercase)).collect(),
        None => "Unknown".to_owned(),
    }
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
    fn types_are_capitalized() {
        assert_eq!((capitalized("CLASSIC"), capitalized("")), ("Classic".to_owned(), "Unknown".to_owned()));
    }
}
