//! `klamm console-consumer` (kafka-console-consumer): prints the records of topics.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use klamm_client::admin::OffsetSpec;
use klamm_client::consumer::{Consumer, ConsumerRecord};
use klamm_client::{ClientConfig, ClientKind, TopicPartition};

use super::console::{ConsoleOptions, OldConfig, Source, formatter::Formatter, is_of_record};
use crate::cli::Call;
use crate::session::{self, Properties};

const OLD_CONFIG: OldConfig = "--consumer.config";

/// Prints records as they come.
#[derive(clap::Parser)]
#[command(arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Options {
    /// The topic to read.
    #[arg(long)]
    topic: Option<String>,
    /// Reads every topic that this regular expression matches.
    #[arg(long, value_name = "REGEX")]
    include: Option<String>,
    /// Brokers to connect to, as host:port,host:port.
    #[arg(long, value_name = "SERVER")]
    bootstrap_server: Option<String>,
    /// Begins with the first record there is, unless the group has committed offsets.
    #[arg(long)]
    from_beginning: bool,
    #[command(flatten)]
    console: ConsoleOptions,
    /// Reads as a member of this group, and commits.
    #[arg(long, value_name = "ID")]
    group: Option<String>,
    /// Reads this partition only, from its end unless --offset says otherwise.
    #[arg(long)]
    partition: Option<i32>,
    /// Where to begin in --partition: an offset, earliest or latest.
    #[arg(long, allow_hyphen_values = true)]
    offset: Option<String>,
    /// read_committed leaves out records of open and aborted transactions. [default: read_uncommitted]
    #[arg(long, value_name = "LEVEL")]
    isolation_level: Option<String>,
    /// Goes on after a record that cannot be printed.
    #[arg(long)]
    skip_message_on_error: bool,
    /// Deprecated: use --command-config.
    #[arg(long = "consumer.config", value_name = "FILE", hide = true)]
    consumer_config: Option<PathBuf>,
}

const EXAMPLES: &str = "Examples:
  klamm console-consumer --bootstrap-server localhost:9092 --topic orders --from-beginning
  klamm console-consumer --bootstrap-server localhost:9092 --topic orders --group g \\
      --formatter-property print.key=true --formatter-property print.offset=true";

/// Where to begin in the one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    Spec(OffsetSpec),
    Offset(i64),
}

pub(crate) fn run(call: &Call) -> anyhow::Result<ExitCode> {
    let mut options: Options = match call.parse() {
        Ok(options) => options,
        Err(status) => return Ok(status),
    };
    if let Err(message) = options.settle() {
        return Ok(call.usage_error(&message));
    }
    let prepared = options.start().and_then(|start| Ok((start, options.properties()?)));
    let (start, properties) = match prepared {
        Ok(prepared) => prepared,
        Err(message) => return Ok(call.usage_error(&message)),
    };
    let formatter = match options.console.formatter() {
        Ok(formatter) => formatter,
        Err(error) => return Ok(call.usage_error(&format!("{error:#}"))),
    };
    let config = ClientConfig::new(ClientKind::Consumer, properties)?;
    let mut count = 0;
    let result = session::block_on(async {
        let mut consumer = Consumer::new(&config)?;
        options.subscribe(&mut consumer, start)?;
        let mut source = Reading { consumer, formatter, skips_errors: options.skip_message_on_error };
        let result = options.console.print(&mut source, &mut count).await;
        source.consumer.close().await;
        result
    });
    options.console.say_end(count);
    result.map(|()| ExitCode::SUCCESS)
}

impl Options {
    fn settle(&mut self) -> Result<(), String> {
        if self.topic.is_some() == self.include.is_some() {
            return Err("Exactly one of the following arguments is required: [topic], [include]".to_owned());
        }
        if self.partition.is_some() {
            if self.topic.is_none() {
                return Err("The topic is required when partition is specified.".to_owned());
            }
            if self.from_beginning && self.offset.is_some() {
                return Err("Options from-beginning and offset cannot be specified together.".to_owned());
            }
        } else if self.offset.is_some() {
            return Err("The partition is required when offset is specified.".to_owned());
        }
        if self.bootstrap_server.is_none() {
            return Err("Missing required argument \"[bootstrap-server]\"".to_owned());
        }
        self.console.take_over((OLD_CONFIG, self.consumer_config.take()))
    }

    fn start(&self) -> Result<Start, String> {
        let Some(text) = &self.offset else {
            let spec = if self.from_beginning { OffsetSpec::Earliest } else { OffsetSpec::Latest };
            return Ok(Start::Spec(spec));
        };
        match text.to_lowercase().as_str() {
            "earliest" => Ok(Start::Spec(OffsetSpec::Earliest)),
            "latest" => Ok(Start::Spec(OffsetSpec::Latest)),
            number => number.parse::<i64>().ok().filter(|offset| *offset >= 0).map(Start::Offset).ok_or_else(|| {
                format!(
                    "The provided offset value '{text}' is incorrect. Valid values are 'earliest', 'latest', or a non-negative long."
                )
            }),
        }
    }

    fn properties(&self) -> Result<Properties, String> {
        let (mut properties, group) = self.console.properties(self.group.as_ref(), OLD_CONFIG)?;
        if group.is_some() && self.partition.is_some() {
            return Err("Options group and partition cannot be specified together.".to_owned());
        }
        match properties.get("auto.offset.reset") {
            Some(reset) if self.from_beginning && reset != "earliest" => {
                return Err(format!(
                    "Can't simultaneously specify --from-beginning and 'auto.offset.reset={reset}', please remove one option"
                ));
            }
            Some(_) => {}
            None => {
                let reset = if self.from_beginning { "earliest" } else { "latest" };
                properties.insert("auto.offset.reset".to_owned(), reset.to_owned());
            }
        }
        properties.insert("bootstrap.servers".to_owned(), self.bootstrap_server.clone().unwrap_or_default());
        properties.entry("client.id".to_owned()).or_insert_with(|| "console-consumer".to_owned());
        match &self.isolation_level {
            Some(level) => drop(properties.insert("isolation.level".to_owned(), level.clone())),
            None => drop(
                properties
                    .entry("isolation.level".to_owned())
                    .or_insert_with(|| "read_uncommitted".to_owned()),
            ),
        }
        match group {
            Some(group) => drop(properties.insert("group.id".to_owned(), group)),
            None => {
                // A group of this one run: nobody will ask for its offsets.
                let id = klamm_io::Entropy::real().below(100_000);
                properties.insert("group.id".to_owned(), format!("console-consumer-{id}"));
                properties.entry("enable.auto.commit".to_owned()).or_insert_with(|| "false".to_owned());
            }
        }
        Ok(properties)
    }

    fn subscribe(&self, consumer: &mut Consumer, start: Start) -> anyhow::Result<()> {
        match (&self.topic, self.partition, &self.include) {
            (Some(topic), Some(partition), _) => {
                let partition = TopicPartition::new(topic.as_str(), partition);
                consumer.assign([partition.clone()]);
                match start {
                    Start::Spec(spec) => consumer.seek_to(&partition, spec)?,
                    Start::Offset(offset) => consumer.seek(&partition, offset)?,
                }
            }
            (Some(topic), None, _) => consumer.subscribe([topic.as_str()])?,
            (None, _, Some(include)) => {
                let regex = regex::Regex::new(&format!("^(?:{include})$"))?;
                consumer.subscribe_matching(move |name| regex.is_match(name))?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// Records of topics or of one partition.
struct Reading {
    consumer: Consumer,
    formatter: Formatter,
    skips_errors: bool,
}

impl Source for Reading {
    type Record = ConsumerRecord;

    fn clock(&self) -> klamm_io::Clock {
        self.consumer.cluster().clock()
    }

    async fn poll(&mut self, wait: Duration) -> anyhow::Result<Vec<ConsumerRecord>> {
        Ok(self.consumer.poll(wait).await?)
    }

    fn print(&mut self, record: &ConsumerRecord, out: &mut impl Write) -> anyhow::Result<()> {
        match self.formatter.write(record, None, out) {
            Err(error) if self.skips_errors && is_of_record(&error) => {
                eprintln!("Error processing message, skipping this message: {error:#}");
                Ok(())
            }
            result => result,
        }
    }

    /// Records that are not printed are not consumed: what is committed on closing ends before them.
    async fn put_back(&mut self, records: &[ConsumerRecord]) {
        for record in records {
            let partition = TopicPartition::new(std::sync::Arc::clone(&record.topic), record.partition);
            rewind(&mut self.consumer, &partition, record.offset).await;
        }
    }
}

/// Moves a position back to a record that was not printed, unless an earlier one did so already.
async fn rewind(consumer: &mut Consumer, partition: &TopicPartition, offset: i64) {
    if consumer.position(partition).await.is_ok_and(|position| position > offset) {
        let _ = consumer.seek(partition, offset);
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn parse(arguments: &str) -> Options {
        Options::try_parse_from(std::iter::once("x").chain(arguments.split_whitespace())).unwrap()
    }

    #[test]
    fn contradictions_are_refused() {
        for (arguments, expect) in [
            (
                "--bootstrap-server a:1",
                "Exactly one of the following arguments is required: [topic], [include]",
            ),
            ("--topic t", "Missing required argument \"[bootstrap-server]\""),
            (
                "--topic t --bootstrap-server a:1 --offset 3",
                "The partition is required when offset is specified.",
            ),
            (
                "--topic t --bootstrap-server a:1 --partition 0 --group g",
                "Options group and partition cannot be specified together.",
            ),
            (
                "--topic t --bootstrap-server a:1 --partition 0 --offset -3",
                "The provided offset value '-3' is incorrect. Valid values are 'earliest', 'latest', or a non-negative long.",
            ),
            (
                "--topic t --bootstrap-server a:1 --from-beginning --command-property auto.offset.reset=latest",
                "Can't simultaneously specify --from-beginning and 'auto.offset.reset=latest', please remove one option",
            ),
        ] {
            let mut options = parse(arguments);
            let result = options
                .settle()
                .and_then(|()| options.start().map(drop))
                .and_then(|()| options.properties().map(drop));
            assert_eq!(result, Err(expect.to_owned()), "{arguments}");
        }
    }

    #[test]
    fn flags_become_configuration() {
        for (arguments, key, expect) in [
            ("--topic t --bootstrap-server a:1", "auto.offset.reset", Some("latest")),
            ("--topic t --bootstrap-server a:1 --from-beginning", "auto.offset.reset", Some("earliest")),
            ("--topic t --bootstrap-server a:1", "enable.auto.commit", Some("false")),
            ("--topic t --bootstrap-server a:1 --group g", "enable.auto.commit", None),
            ("--topic t --bootstrap-server a:1 --group g", "group.id", Some("g")),
            (
                "--topic t --bootstrap-server a:1 --isolation-level read_committed",
                "isolation.level",
                Some("read_committed"),
            ),
        ] {
            let properties = parse(arguments).properties().unwrap();
            assert_eq!(properties.get(key).map(String::as_str), expect, "{arguments}");
        }
    }
}
