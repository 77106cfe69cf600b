//! `klamm get-offsets` (kafka-get-offsets): prints offsets of partitions as topic:partition:offset.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use klamm_client::{
    TopicPartition,
    admin::{Admin, IsolationLevel, OffsetSpec},
};

use crate::cli::Call;
use crate::commands::topics::TopicFilter;
use crate::session;

/// Prints the offsets of partitions: the end, the beginning, or by time.
#[derive(clap::Parser)]
#[command(arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Brokers to connect to, as host:port,host:port.
    #[arg(long, value_name = "SERVER")]
    bootstrap_server: Option<String>,
    /// Partitions as `topic:0,topic:0-3,topic:5-,:0-1`: topics are regular expressions, the end of a range is not in it.
    #[arg(long, value_name = "LIST")]
    topic_partitions: Option<String>,
    /// Topics, as a regular expression; all if it is left out.
    #[arg(long, value_name = "REGEX")]
    topic: Option<String>,
    /// Numbers of partitions, as `0,1`; all if it is left out.
    #[arg(long, value_name = "NUMBERS")]
    partitions: Option<String>,
    /// Which offset: latest (-1), earliest (-2), max-timestamp (-3), earliest-local (-4), latest-tiered (-5),
    /// earliest-pending-upload (-6), or that of the first record of a time in milliseconds since 1970 or later.
    #[arg(long, default_value = "latest", allow_hyphen_values = true)]
    time: String,
    /// Properties file for the admin client.
    #[arg(long, value_name = "FILE")]
    command_config: Option<PathBuf>,
    /// Leaves out Kafka's own topics.
    #[arg(long)]
    exclude_internal_topics: bool,
}

const EXAMPLES: &str = "Example:
  klamm get-offsets --bootstrap-server localhost:9092 --topic orders --time earliest";

pub(crate) fn run(call: &Call) -> anyhow::Result<ExitCode> {
    let options: Options = match call.parse() {
        Ok(options) => options,
        Err(status) => return Ok(status),
    };
    let Some(bootstrap) = options.bootstrap_server.clone() else {
        return Ok(call.usage_error("Missing required argument \"[bootstrap-server]\""));
    };
    let result = session::block_on(async {
        let spec = parse_time(&options.time)?;
        let rules = options.rules()?;
        let admin = session::admin(&bootstrap, options.command_config.as_deref())?;
        let result = options.print(&admin, spec, &rules).await;
        admin.close();
        result
    });
    if let Err(error) = result {
        eprintln!("Error occurred: {error:#}");
        if let Some(remedy) = session::remedy_of(&error) {
            eprintln!("{remedy}");
        }
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// Partitions of some topics: one number, or a range whose end is not in it, or a set.
struct Rule {
    topics: TopicFilter,
    range: std::ops::Range<i32>,
    set: BTreeSet<i32>,
}

impl Rule {
    fn matches(&self, topic: &str, partition: i32) -> bool {
        self.topics.matches(topic)
            && self.range.contains(&partition)
            && (self.set.is_empty() || self.set.contains(&partition))
    }
}

impl Options {
    fn rules(&self) -> anyhow::Result<Vec<Rule>> {
        if let Some(list) = &self.topic_partitions {
            if self.topic.is_some() || self.partitions.is_some() {
                bail!("--topic-partitions cannot be used with --topic or --partitions");
            }
            return list.split(',').map(parse_rule).collect();
        }
        let mut set = BTreeSet::new();
        if let Some(list) = self.partitions.as_deref().filter(|list| !list.is_empty()) {
            for number in list.split(',') {
                let Ok(number) = number.parse::<i32>() else {
                    bail!(
                        "--partitions expects a comma separated list of numeric partition ids, but received: {list}"
                    );
                };
                set.insert(number);
            }
        }
        let topics = TopicFilter::new(self.topic.as_deref().unwrap_or(".*"))?;
        Ok(vec![Rule { topics, range: 0..i32::MAX, set }])
    }

    async fn print(&self, admin: &Admin, spec: OffsetSpec, rules: &[Rule]) -> anyhow::Result<()> {
        let topics = admin.list_topics(!self.exclude_internal_topics).await?;
        let metadata = admin.cluster().metadata();
        let mut specs = BTreeMap::new();
        for topic in &topics {
            let Some(topic) = metadata.topics.get(&topic.name) else { continue };
            for partition in &topic.partitions {
                if rules.iter().any(|rule| rule.matches(&topic.name, partition.index)) {
                    specs.insert(
                        TopicPartition::new(std::sync::Arc::clone(&topic.name), partition.index),
                        spec,
                    );
                }
            }
        }
        if specs.is_empty() {
            bail!("Could not match any topic-partitions with the specified filters");
        }
        let mut lines: BTreeMap<String, String> = BTreeMap::new();
        for (partition, result) in admin.list_offsets(&specs, IsolationLevel::ReadUncommitted).await? {
            match result {
                Ok(listed) if listed.offset >= 0 => {
                    let line = format!("{}:{}:{}", partition.topic, partition.partition, listed.offset);
                    lines.insert(partition.to_string(), line);
                }
                Ok(_) => {}
                Err(error) => {
                    eprintln!(
                        "Skip getting offsets for topic-partition {partition} due to error: {}",
                        crate::java::error_text(&error)
                    );
                }
            }
        }
        for line in lines.values() {
            println!("{line}");
        }
        Ok(())
    }
}

fn parse_time(text: &str) -> anyhow::Result<OffsetSpec> {
    Ok(match text {
        "latest" | "-1" => OffsetSpec::Latest,
        "earliest" | "-2" => OffsetSpec::Earliest,
        "max-timestamp" | "-3" => OffsetSpec::MaxTimestamp,
        "earliest-local" | "-4" => OffsetSpec::EarliestLocal,
        "latest-tiered" | "-5" => OffsetSpec::LatestTiered,
        "earliest-pending-upload" | "-6" => OffsetSpec::EarliestPendingUpload,
        number => match number.parse() {
            Ok(at) => OffsetSpec::Timestamp(at),
            Err(_) => bail!(
                "Malformed time argument {text}. Please use -1 or latest / -2 or earliest / -3 or max-timestamp / -4 or earliest-local / -5 or latest-tiered / -6 or earliest-pending-upload, or a specified long format timestamp"
            ),
        },
    })
}

/// Reads `topic`, `topic:1`, `topic:1-3`, `topic:1-`, `topic:-3` and the same without a topic.
fn parse_rule(text: &str) -> anyhow::Result<Rule> {
    let wrong = || anyhow::anyhow!("Invalid rule specification: {text}");
    let (topic, partitions) = text.split_once(':').unwrap_or((text, ""));
    let number = |text: &str, default: i32| {
        if text.is_empty() {
            Ok(default)
        } else {
            text.parse::<i32>().ok().filter(|n| *n >= 0).ok_or_else(wrong)
        }
    };
    let range = match partitions.split_once('-') {
        Some((low, high)) => number(low, 0)?..number(high, i32::MAX)?,
        None if partitions.is_empty() => 0..i32::MAX,
        None => {
            let one = number(partitions, 0)?;
            one..one.saturating_add(1)
        }
    };
    let topics = TopicFilter::new(if topic.is_empty() { ".*" } else { topic })?;
    Ok(Rule { topics, range, set: BTreeSet::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_select_partitions() {
        for (rule, topic, partition, expect) in [
            ("t", "t", 7, true),
            ("t:1", "t", 1, true),
            ("t:1", "t", 2, false),
            ("t:1-3", "t", 2, true),
            ("t:1-3", "t", 3, false),
            ("t:5-", "t", 9, true),
            (":-3", "any", 2, true),
            (":-3", "any", 3, false),
        ] {
            assert_eq!(
                parse_rule(rule).unwrap().matches(topic, partition),
                expect,
                "{rule} {topic}-{partition}"
            );
        }
        assert_eq!(parse_rule("t:x").err().unwrap().to_string(), "Invalid rule specification: t:x");
        assert_eq!(parse_time("-3").unwrap(), OffsetSpec::MaxTimestamp);
        assert_eq!(parse_time("99").unwrap(), OffsetSpec::Timestamp(99));
        assert!(parse_time("now").is_err());
    }
}
