//! `klamm topics` (kafka-topics): lists, creates, describes, enlarges and deletes topics.

mod describe;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use klamm_client::admin::{Admin, NewPartitions, NewTopic};
use klamm_protocol::ErrorCode;

use crate::cli::Call;
use crate::session;

/// Lists, creates, describes, enlarges and deletes topics.
#[derive(clap::Parser)]
#[command(arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Brokers to connect to, as host:port,host:port.
    #[arg(long, value_name = "SERVER")]
    bootstrap_server: Option<String>,
    /// Properties file for the admin client.
    #[arg(long, value_name = "FILE")]
    command_config: Option<PathBuf>,
    /// Lists topics.
    #[arg(long, help_heading = "Actions")]
    list: bool,
    /// Creates a topic.
    #[arg(long, help_heading = "Actions")]
    create: bool,
    /// Deletes topics.
    #[arg(long, help_heading = "Actions")]
    delete: bool,
    /// Gives topics more partitions. (`klamm configs` changes their configuration.)
    #[arg(long, help_heading = "Actions")]
    alter: bool,
    /// Shows topics with partitions, replicas and configuration.
    #[arg(long, help_heading = "Actions")]
    describe: bool,
    /// The topic; a regular expression for all actions but --create.
    #[arg(long)]
    topic: Option<String>,
    /// The id of the topic to describe.
    #[arg(long, value_name = "ID")]
    topic_id: Option<String>,
    /// Configuration of the new topic; can be given many times.
    #[arg(long, value_name = "KEY=VALUE")]
    config: Vec<String>,
    /// No longer supported (use `klamm configs --alter --delete-config`).
    #[arg(long, value_name = "KEY", hide = true)]
    delete_config: Vec<String>,
    /// Number of partitions. Without it a new topic has the cluster's default. More partitions for a topic with keys
    /// change which partition a key goes to.
    #[arg(long, value_name = "COUNT", allow_hyphen_values = true)]
    partitions: Option<i32>,
    /// Number of replicas of each partition of the new topic. Without it: the cluster's default.
    #[arg(long, value_name = "COUNT", allow_hyphen_values = true)]
    replication_factor: Option<i32>,
    /// Brokers of each partition, as `0:1,1:2` (partition 0 on brokers 0 and 1, partition 1 on 1 and 2).
    #[arg(long, value_name = "BROKERS")]
    replica_assignment: Option<String>,
    /// Describes only partitions with replicas that are not in sync.
    #[arg(long)]
    under_replicated_partitions: bool,
    /// Describes only partitions without a live leader.
    #[arg(long)]
    unavailable_partitions: bool,
    /// Describes only partitions with fewer in-sync replicas than min.insync.replicas.
    #[arg(long)]
    under_min_isr_partitions: bool,
    /// Describes only partitions with exactly min.insync.replicas in-sync replicas.
    #[arg(long)]
    at_min_isr_partitions: bool,
    /// Describes only topics with a configuration of their own.
    #[arg(long)]
    topics_with_overrides: bool,
    /// Does nothing, and is no error, if the topic does not exist (--alter, --delete, --describe).
    #[arg(long)]
    if_exists: bool,
    /// Is no error if the topic exists already (--create).
    #[arg(long)]
    if_not_exists: bool,
    /// Leaves out Kafka's own topics (--list, --describe).
    #[arg(long)]
    exclude_internal: bool,
    /// Partitions that one answer of the broker may describe.
    #[arg(long, value_name = "COUNT")]
    partition_size_limit_per_response: Option<i32>,
    /// Prints JSON instead (--list, --describe); not in Kafka's tool.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "Examples:
  klamm topics --bootstrap-server localhost:9092 --create --topic orders --partitions 6
  klamm topics --bootstrap-server localhost:9092 --describe --topic 'orders.*'";

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
        let admin = session::admin(bootstrap, options.command_config.as_deref())?;
        let result = options.act(&admin).await;
        admin.close();
        result
    });
    Ok(match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("Error while executing topic command : {error}");
            if let Some(remedy) = session::remedy_of(&error) {
                eprintln!("{remedy}");
            }
            ExitCode::FAILURE
        }
    })
}

impl Options {
    /// Refuses combinations that make no sense, in the words of Kafka's tool.
    fn check(&self) -> Result<(), String> {
        let actions = [self.create, self.list, self.alter, self.describe, self.delete];
        if actions.iter().filter(|given| **given).count() != 1 {
            return Err(
                "Command must include exactly one action: --list, --describe, --create, --alter or --delete"
                    .to_owned(),
            );
        }
        if !self.delete_config.is_empty() {
            eprintln!(
                "delete-config option is no longer supported and deprecated since version 4.0. The config will be fully removed in future releases."
            );
        }
        if self.bootstrap_server.is_none() {
            return Err("--bootstrap-server must be specified".to_owned());
        }
        if self.describe && self.if_exists && self.topic.is_none() && self.topic_id.is_none() {
            return Err("--topic or --topic-id is required to describe a topic".to_owned());
        }
        if !self.list && !self.describe && self.topic.is_none() {
            return Err("Missing required argument \"[topic]\"".to_owned());
        }
        if self.alter && self.partitions.is_none() && self.config.is_empty() {
            return Err("Missing required argument \"[partitions]\"".to_owned());
        }
        self.check_pairs()
    }

    fn check_pairs(&self) -> Result<(), String> {
        let (create, list, alter, describe, delete) =
            (self.create, self.list, self.alter, self.describe, self.delete);
        let reports = [
            (self.under_replicated_partitions, "under-replicated-partitions"),
            (self.under_min_isr_partitions, "under-min-isr-partitions"),
            (self.at_min_isr_partitions, "at-min-isr-partitions"),
            (self.unavailable_partitions, "unavailable-partitions"),
        ];
        let assigned = self.replica_assignment.is_some();
        // Which option was given, its name, and the actions that it is good for.
        let allowed = [
            (!self.config.is_empty(), "config", create),
            (self.partitions.is_some(), "partitions", alter || create),
            (self.replication_factor.is_some(), "replication-factor", create),
            (assigned, "replica-assignment", alter || create),
            (self.topics_with_overrides, "topics-with-overrides", describe),
            (self.if_exists, "if-exists", alter || delete || describe),
            (self.if_not_exists, "if-not-exists", create),
            (self.exclude_internal, "exclude-internal", list || describe),
        ];
        let action = [
            (create, "create"),
            (list, "list"),
            (alter, "alter"),
            (describe, "describe"),
            (delete, "delete"),
        ]
        .iter()
        .find(|(given, _)| *given)
        .map_or("", |(_, name)| name);
        let clash = |one: &str, other: &str| {
            Err(format!("Option \"[{one}]\" can't be used with option \"[{other}]\""))
        };
        if self.alter && !self.config.is_empty() {
            return Err(
                "Option combination \"[bootstrap-server],[config]\" can't be used with option \"[alter]\" (To alter topic configurations, the kafka-configs tool can be used.)".to_owned(),
            );
        }
        for (given, name, good) in allowed {
            if given && !good {
                return clash(name, action);
            }
        }
        for (given, name) in reports {
            if given && !describe {
                return clash(name, action);
            }
            if given && self.topics_with_overrides {
                return clash(name, "topics-with-overrides");
            }
        }
        if create && assigned && self.partitions.is_some() {
            return clash("replica-assignment", "partitions");
        }
        if create && assigned && self.replication_factor.is_some() {
            return clash("replica-assignment", "replication-factor");
        }
        Ok(())
    }

    async fn act(&self, admin: &Admin) -> anyhow::Result<()> {
        if self.create {
            self.create(admin).await
        } else if self.alter {
            self.alter(admin).await
        } else if self.list {
            self.list(admin).await
        } else if self.describe {
            describe::describe(self, admin).await
        } else {
            self.delete(admin).await
        }
    }

    async fn create(&self, admin: &Admin) -> anyhow::Result<()> {
        let name = self.topic.clone().unwrap_or_default();
        if name.contains(['.', '_']) {
            println!(
                "WARNING: Due to limitations in metric names, topics with a period ('.') or underscore ('_') could collide. To avoid issues it is best to use either, but not both."
            );
        }
        let assignment =
            self.replica_assignment.as_deref().map(parse_assignment).transpose()?.unwrap_or_default();
        let configs = self.parse_configs()?;
        if self.replication_factor.is_some_and(|factor| !(1..=i32::from(i16::MAX)).contains(&factor)) {
            bail!("The replication factor must be between 1 and {} inclusive", i16::MAX);
        }
        if self.partitions.is_some_and(|count| count < 1) {
            bail!("The partitions must be greater than 0");
        }
        let topic = NewTopic {
            name: name.clone(),
            partitions: self.partitions,
            replication_factor: self.replication_factor.map(|factor| factor as i16),
            assignment,
            configs,
        };
        match admin.create_topics(&[topic], false).await?.remove(&name) {
            Some(Err(error))
                if !(self.if_not_exists && error.code() == Some(ErrorCode::TopicAlreadyExists)) =>
            {
                Err(error.into())
            }
            Some(Err(_)) => Ok(()),
            _ => {
                println!("Created topic {name}.");
                Ok(())
            }
        }
    }

    fn parse_configs(&self) -> anyhow::Result<Vec<(String, String)>> {
        let mut configs = Vec::new();
        for pair in &self.config {
            let parts: Vec<&str> = pair.split('=').map(str::trim).collect();
            let [key, value] = parts[..] else {
                bail!(
                    "requirement failed: Invalid topic config: all configs to be added must be in the format \"key=val\"."
                );
            };
            if klamm_config::table::TOPIC.find(key).is_none() {
                bail!("Unknown topic config name: {key}");
            }
            configs.push((key.to_owned(), value.to_owned()));
        }
        let set = configs.iter().cloned().collect();
        if let Err(errors) = klamm_config::Values::parse(&klamm_config::table::TOPIC, &set)
            && let Some(error) = errors.into_iter().next()
        {
            return Err(error.into());
        }
        Ok(configs)
    }

    async fn alter(&self, admin: &Admin) -> anyhow::Result<()> {
        let topics = self.matching(admin).await?;
        let count = self.partitions.unwrap_or_default();
        let assignment = self.replica_assignment.as_deref().map(parse_assignment).transpose()?;
        if topics.is_empty() {
            return Ok(());
        }
        let described = admin.describe_topics(&topics, 2000).await?;
        let topics: Vec<NewPartitions> = described
            .iter()
            .map(|topic| NewPartitions {
                topic: topic.name.clone(),
                count,
                assignment: assignment
                    .as_ref()
                    .map(|all| all.iter().skip(topic.partitions.len()).cloned().collect()),
            })
            .collect();
        for (_, result) in admin.create_partitions(&topics).await? {
            result?;
        }
        Ok(())
    }

    async fn list(&self, admin: &Admin) -> anyhow::Result<()> {
        let names = self.select(admin).await?;
        if self.json {
            println!("{}", serde_json::json!(names));
        } else {
            println!("{}", names.join("\n"));
        }
        Ok(())
    }

    async fn delete(&self, admin: &Admin) -> anyhow::Result<()> {
        let topics = self.matching(admin).await?;
        if topics.is_empty() {
            return Ok(());
        }
        for (_, result) in admin.delete_topics(&topics).await? {
            result?;
        }
        Ok(())
    }

    /// Names of the topics that `--topic` matches; none is an error unless `--if-exists` is given.
    async fn matching(&self, admin: &Admin) -> anyhow::Result<Vec<String>> {
        let names = self.select(admin).await?;
        match &self.topic {
            Some(topic) if names.is_empty() && !topic.is_empty() && !self.if_exists => {
                bail!("Topic '{topic}' does not exist as expected")
            }
            _ => Ok(names),
        }
    }

    async fn select(&self, admin: &Admin) -> anyhow::Result<Vec<String>> {
        let filter = self.topic.as_deref().map(TopicFilter::new).transpose()?;
        let topics = admin.list_topics(true).await?;
        let wanted = topics.iter().filter(|topic| {
            let internal =
                matches!(&*topic.name, "__consumer_offsets" | "__transaction_state" | "__share_group_state");
            filter.as_ref().is_none_or(|filter| filter.matches(&topic.name))
                && !(self.exclude_internal && internal)
        });
        Ok(wanted.map(|topic| topic.name.to_string()).collect())
    }
}

/// Names of topics by regular expression, with commas for alternatives, as all tools take them.
pub(crate) struct TopicFilter(regex::Regex);

impl TopicFilter {
    pub(crate) fn new(text: &str) -> anyhow::Result<Self> {
        let text = text.trim().replace(',', "|").replace(' ', "");
        let text = text.trim_matches(['"', '\'']);
        match regex::Regex::new(&format!("^(?:{text})$")) {
            Ok(regex) => Ok(Self(regex)),
            Err(_) => bail!("{text} is an invalid regex."),
        }
    }

    pub(crate) fn matches(&self, name: &str) -> bool {
        self.0.is_match(name)
    }
}

/// Reads `0:1,1:2`.
fn parse_assignment(text: &str) -> anyhow::Result<Vec<Vec<i32>>> {
    let mut partitions: Vec<Vec<i32>> = Vec::new();
    for (index, part) in text.split(',').enumerate() {
        let brokers = part
            .split(':')
            .map(|id| {
                let id = id.trim();
                id.parse::<i32>().map_err(|_| anyhow::anyhow!("For input string: \"{id}\""))
            })
            .collect::<Result<Vec<i32>, _>>()?;
        let mut duplicates: Vec<i32> = brokers
            .iter()
            .filter(|id| brokers.iter().filter(|other| other == id).count() > 1)
            .copied()
            .collect();
        duplicates.dedup();
        if !duplicates.is_empty() {
            duplicates.sort_unstable();
            duplicates.dedup();
            let list: Vec<String> = duplicates.iter().map(ToString::to_string).collect();
            bail!("Partition replica lists may not contain duplicate entries: {}", list.join(","));
        }
        if partitions.first().is_some_and(|first| first.len() != brokers.len()) {
            bail!("Partition {index} has different replication factor: {brokers:?}");
        }
        partitions.push(brokers);
    }
    Ok(partitions)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn check(arguments: &str) -> Result<(), String> {
        let words = std::iter::once("topics").chain(arguments.split_whitespace());
        Options::try_parse_from(words).map_err(|e| e.to_string())?.check()
    }

    #[test]
    fn options_that_contradict_each_other_are_refused() {
        for (arguments, expect) in [
            ("--bootstrap-server a:1 --list", None),
            ("--list", Some("--bootstrap-server must be specified")),
            ("--bootstrap-server a:1", Some("Command must include exactly one action")),
            ("--bootstrap-server a:1 --list --create", Some("Command must include exactly one action")),
            ("--bootstrap-server a:1 --create", Some("Missing required argument \"[topic]\"")),
            ("--bootstrap-server a:1 --alter --topic t", Some("Missing required argument \"[partitions]\"")),
            (
                "--bootstrap-server a:1 --list --partitions 3",
                Some("Option \"[partitions]\" can't be used with option \"[list]\""),
            ),
            (
                "--bootstrap-server a:1 --create --topic t --replica-assignment 0 --partitions 1",
                Some("Option \"[replica-assignment]\" can't be used with option \"[partitions]\""),
            ),
            (
                "--bootstrap-server a:1 --describe --topics-with-overrides --unavailable-partitions",
                Some("Option \"[unavailable-partitions]\" can't be used"),
            ),
            ("--bootstrap-server a:1 --create --topic t --if-exists", Some("Option \"[if-exists]\"")),
        ] {
            let got = check(arguments);
            match expect {
                None => assert_eq!(got, Ok(()), "{arguments}"),
                Some(start) => {
                    let message = got.expect_err(arguments);
                    assert!(message.starts_with(start), "{arguments}: {message}");
                }
            }
        }
    }

    #[test]
    fn assignments_are_read() {
        for (text, expect) in [
            ("0:1,1:2", Ok(vec![vec![0, 1], vec![1, 2]])),
            ("0", Ok(vec![vec![0]])),
            ("0:0", Err("Partition replica lists may not contain duplicate entries: 0")),
            ("0,1:2", Err("Partition 1 has different replication factor: [1, 2]")),
            ("x", Err("For input string: \"x\"")),
        ] {
            match (parse_assignment(text), expect) {
                (Ok(got), Ok(expect)) => assert_eq!(got, expect),
                (Err(got), Err(expect)) => assert_eq!(got.to_string(), expect),
                (got, _) => panic!("{text}: {got:?}"),
            }
        }
    }

    #[test]
    fn filters_match_whole_names() {
        for (filter, name, expect) in
            [("a.*", "abc", true), ("b", "abc", false), ("a, b", "b", true), ("'t'", "t", true)]
        {
            assert_eq!(TopicFilter::new(filter).unwrap().matches(name), expect, "{filter} {name}");
        }
        assert_eq!(TopicFilter::new("*").err().unwrap().to_string(), "* is an invalid regex.");
    }
}
