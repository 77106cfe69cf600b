//! `klamm console-consumer` (kafka-console-consumer): prints the records of topics.

mod deserializer;
pub(in crate::commands) mod formatter;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use klamm_client::admin::OffsetSpec;
use klamm_client::consumer::Consumer;
use klamm_client::{ClientConfig, ClientKind, TopicPartition};

use crate::cli::Call;
use crate::session::{self, Properties};
use formatter::Formatter;

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
    /// Ends after this many records.
    #[arg(long, value_name = "COUNT", allow_hyphen_values = true)]
    max_messages: Option<i32>,
    /// Ends when no record has come for this long.
    #[arg(long, value_name = "MS", allow_hyphen_values = true)]
    timeout_ms: Option<i64>,
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
    /// What is printed: print.timestamp, print.key, print.offset, print.epoch, print.partition, print.headers,
    /// print.value (true or false); key.separator (tab), line.separator, headers.separator, null.literal;
    /// key.deserializer, value.deserializer, headers.deserializer.
    #[arg(long, value_name = "KEY=VALUE")]
    formatter_property: Vec<String>,
    /// Properties file for what is printed.
    #[arg(long, value_name = "FILE")]
    formatter_config: Option<PathBuf>,
    /// Formatter: Kafka's DefaultMessageFormatter, NoOpMessageFormatter, OffsetsMessageFormatter,
    /// GroupMetadataMessageFormatter, TransactionLogMessageFormatter or ShareGroupStateMessageFormatter.
    #[arg(long, value_name = "CLASS")]
    formatter: Option<String>,
    /// Reads keys as Kafka's deserializer of this name does (StringDeserializer, LongDeserializer, ...).
    #[arg(long, value_name = "CLASS")]
    key_deserializer: Option<String>,
    /// Reads values as Kafka's deserializer of this name does.
    #[arg(long, value_name = "CLASS")]
    value_deserializer: Option<String>,
    /// Goes on after a record that cannot be printed.
    #[arg(long)]
    skip_message_on_error: bool,
    /// Says when it ends; for system tests.
    #[arg(long, hide = true)]
    enable_systest_events: bool,
    /// Configuration of the consumer; over --command-config.
    #[arg(long, value_name = "KEY=VALUE")]
    command_property: Vec<String>,
    /// Properties file of the consumer.
    #[arg(long, value_name = "FILE")]
    command_config: Option<PathBuf>,
    /// Deprecated: use --command-property.
    #[arg(long, value_name = "KEY=VALUE", hide = true)]
    consumer_property: Vec<String>,
    /// Deprecated: use --command-config.
    #[arg(long = "consumer.config", value_name = "FILE", hide = true)]
    consumer_config: Option<PathBuf>,
    /// Deprecated: use --formatter-property.
    #[arg(long, value_name = "KEY=VALUE", hide = true)]
    property: Vec<String>,
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
    let formatter = match options.formatter() {
        Ok(formatter) => formatter,
        Err(error) => return Ok(call.usage_error(&format!("{error:#}"))),
    };
    let config = ClientConfig::new(ClientKind::Consumer, properties)?;
    let mut count = 0;
    let result = session::block_on(async {
        let mut consumer = Consumer::new(&config)?;
        options.subscribe(&mut consumer, start)?;
        let result = options.print(&mut consumer, &formatter, &mut count).await;
        consumer.close().await;
        result
    });
    eprintln!("Processed a total of {count} messages");
    if options.enable_systest_events {
        println!("shutdown_complete");
    }
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
        for (one, other, message) in [
            (
                !self.consumer_property.is_empty(),
                !self.command_property.is_empty(),
                "Options --consumer-property and --command-property cannot be specified together.",
            ),
            (
                self.consumer_config.is_some(),
                self.command_config.is_some(),
                "Options --consumer.config and --command-config cannot be specified together.",
            ),
            (
                !self.property.is_empty(),
                !self.formatter_property.is_empty(),
                "Options --property and --formatter-property cannot be specified together.",
            ),
        ] {
            if one && other {
                return Err(message.to_owned());
            }
        }
        let warn = |old: &str, new: &str| {
            println!(
                "Option {old} is deprecated and will be removed in a future version. Use {new} instead."
            );
        };
        if !self.consumer_property.is_empty() {
            warn("--consumer-property", "--command-property");
            self.command_property = std::mem::take(&mut self.consumer_property);
        }
        if self.consumer_config.is_some() {
            warn("--consumer.config", "--command-config");
            self.command_config = self.consumer_config.take();
        }
        if !self.property.is_empty() {
            warn("--property", "--formatter-property");
            self.formatter_property = std::mem::take(&mut self.property);
        }
        Ok(())
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
        let mut properties =
            session::properties_file(self.command_config.as_deref()).map_err(|error| format!("{error:#}"))?;
        let from_file = properties.get("group.id").cloned();
        let extra: Properties = session::key_values(&self.command_property).collect();
        let mut groups: Vec<String> =
            [self.group.clone(), from_file, extra.get("group.id").cloned()].into_iter().flatten().collect();
        groups.sort();
        groups.dedup();
        if groups.len() > 1 {
            let list: Vec<String> = groups.iter().map(|group| format!("'{group}'")).collect();
            return Err(format!(
                "The group ids provided in different places (directly using '--group', via '--consumer-property', or via '--consumer.config') do not match. Detected group ids: {}",
                list.join(", ")
            ));
        }
        if !groups.is_empty() && self.partition.is_some() {
            return Err("Options group and partition cannot be specified together.".to_owned());
        }
        properties.extend(extra);
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
        match groups.pop() {
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

    fn formatter(&self) -> anyhow::Result<Formatter> {
        let mut properties = session::properties_file(self.formatter_config.as_deref())?;
        for (key, class) in
            [("key.deserializer", &self.key_deserializer), ("value.deserializer", &self.value_deserializer)]
        {
            if let Some(class) = class.as_ref().filter(|class| !class.is_empty()) {
                properties.insert(key.to_owned(), class.clone());
            }
        }
        properties.extend(session::key_values(&self.formatter_property));
        Formatter::new(self.formatter.as_deref(), &properties)
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

    async fn print(
        &self,
        consumer: &mut Consumer,
        formatter: &Formatter,
        count: &mut i64,
    ) -> anyhow::Result<()> {
        let limit = self.max_messages.filter(|max| *max != -1).map(i64::from);
        let timeout = self.timeout_ms.and_then(|ms| u64::try_from(ms).ok()).map(Duration::from_millis);
        let clock = consumer.cluster().clock();
        let mut last = clock.now();
        let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        while limit.is_none_or(|limit| *count < limit) {
            let wait = timeout.unwrap_or(Duration::from_secs(3600));
            let records = tokio::select! {
                records = consumer.poll(wait) => records?,
                _ = tokio::signal::ctrl_c() => return Ok(()),
                _ = terminated.recv() => return Ok(()),
            };
            if records.is_empty() && timeout.is_some_and(|timeout| clock.now() - last >= timeout) {
                eprintln!(
                    "Error processing message, terminating consumer process: no record came for {} ms",
                    wait.as_millis()
                );
                return Ok(());
            }
            // Records beyond the limit are not consumed: what is committed on closing ends before them.
            let mut left = limit.map_or(records.len(), |limit| usize::try_from(limit - *count).unwrap_or(0));
            for record in &records {
                if left == 0 {
                    let partition =
                        TopicPartition::new(std::sync::Arc::clone(&record.topic), record.partition);
                    rewind(consumer, &partition, record.offset).await;
                    continue;
                }
                left -= 1;
                *count += 1;
                match formatter.write(record, &mut out) {
                    Ok(()) => {}
                    Err(error) if error.downcast_ref::<std::io::Error>().is_some() => {
                        eprintln!("Unable to write to standard out, closing consumer.");
                        return Ok(());
                    }
                    Err(error) if self.skip_message_on_error => {
                        eprintln!("Error processing message, skipping this message: {error:#}")
                    }
                    Err(error) => return Err(error),
                }
            }
            if out.flush().is_err() {
                eprintln!("Unable to write to standard out, closing consumer.");
                return Ok(());
            }
            last = clock.now();
        }
        Ok(())
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
