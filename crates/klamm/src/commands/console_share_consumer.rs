//! `klamm console-share-consumer` (kafka-console-share-consumer): prints the records that a member of a share group is
//! given.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use klamm_client::share::{AcknowledgeType, ShareConsumer, ShareRecord};
use klamm_client::{ClientConfig, ClientKind};

use super::console_consumer::formatter::Formatter;
use crate::cli::Call;
use crate::session::{self, Properties};

/// Prints records as they come, and acknowledges them.
#[derive(clap::Parser)]
#[command(arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Options {
    /// The topic to read.
    #[arg(long)]
    topic: Option<String>,
    /// Brokers to connect to, as host:port,host:port.
    #[arg(long, value_name = "SERVER")]
    bootstrap_server: Option<String>,
    /// The share group. [default: console-share-consumer]
    #[arg(long, value_name = "ID")]
    group: Option<String>,
    /// Ends after this many records.
    #[arg(long, value_name = "COUNT", allow_hyphen_values = true)]
    max_messages: Option<i32>,
    /// Ends when no record has come for this long.
    #[arg(long, value_name = "MS", allow_hyphen_values = true)]
    timeout_ms: Option<i64>,
    /// Rejects records instead of accepting them.
    #[arg(long)]
    reject: bool,
    /// Releases records instead of accepting them: they will be delivered again.
    #[arg(long)]
    release: bool,
    /// Rejects a record that cannot be printed, and goes on.
    #[arg(long)]
    reject_message_on_error: bool,
    /// What is printed: print.timestamp, print.key, print.offset, print.delivery, print.epoch, print.partition,
    /// print.headers, print.value (true or false); key.separator (tab), line.separator, headers.separator,
    /// null.literal; key.deserializer, value.deserializer, headers.deserializer.
    #[arg(long, value_name = "KEY=VALUE")]
    formatter_property: Vec<String>,
    /// Properties file for what is printed.
    #[arg(long, value_name = "FILE")]
    formatter_config: Option<PathBuf>,
    /// Formatter: Kafka's DefaultMessageFormatter or NoOpMessageFormatter.
    #[arg(long, value_name = "CLASS")]
    formatter: Option<String>,
    /// Reads keys as Kafka's deserializer of this name does (StringDeserializer, LongDeserializer, ...).
    #[arg(long, value_name = "CLASS")]
    key_deserializer: Option<String>,
    /// Reads values as Kafka's deserializer of this name does.
    #[arg(long, value_name = "CLASS")]
    value_deserializer: Option<String>,
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
    #[arg(long, value_name = "FILE", hide = true)]
    consumer_config: Option<PathBuf>,
    /// Deprecated: use --formatter-property.
    #[arg(long, value_name = "KEY=VALUE", hide = true)]
    property: Vec<String>,
}

const EXAMPLES: &str = "Example:
  klamm console-share-consumer --bootstrap-server localhost:9092 --topic orders --group workers \\
      --formatter-property print.delivery=true";

pub(crate) fn run(call: &Call) -> anyhow::Result<ExitCode> {
    let mut options: Options = match call.parse() {
        Ok(options) => options,
        Err(status) => return Ok(status),
    };
    let properties = match options.settle().and_then(|()| options.properties()) {
        Ok(properties) => properties,
        Err(message) => return Ok(call.usage_error(&message)),
    };
    let formatter = match options.formatter() {
        Ok(formatter) => formatter,
        Err(error) => return Ok(call.usage_error(&format!("{error:#}"))),
    };
    let config = ClientConfig::new(ClientKind::Consumer, properties)?;
    let mut count = 0;
    let result = session::block_on(async {
        let mut consumer = ShareConsumer::new(&config)?;
        consumer.subscribe(options.topic.clone());
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
        if self.topic.is_none() {
            return Err("--topic is a required argument".to_owned());
        }
        if self.bootstrap_server.is_none() {
            return Err("Missing required argument \"[bootstrap-server]\"".to_owned());
        }
        if self.reject && self.release {
            return Err("At most one of --reject and --release may be specified.".to_owned());
        }
        let together =
            |one: &str, other: &str| format!("Options {one} and {other} cannot be specified together.");
        let warn = |old: &str, new: &str| {
            println!(
                "Option {old} is deprecated and will be removed in a future version. Use {new} instead."
            );
        };
        if !self.consumer_property.is_empty() {
            if !self.command_property.is_empty() {
                return Err(together("--consumer-property", "--command-property"));
            }
            warn("--consumer-property", "--command-property");
            self.command_property = std::mem::take(&mut self.consumer_property);
        }
        if self.consumer_config.is_some() {
            if self.command_config.is_some() {
                return Err(together("--consumer-config", "--command-config"));
            }
            warn("--consumer-config", "--command-config");
            self.command_config = self.consumer_config.take();
        }
        if !self.property.is_empty() {
            if !self.formatter_property.is_empty() {
                return Err(together("--property", "--formatter-property"));
            }
            warn("--property", "--formatter-property");
            self.formatter_property = std::mem::take(&mut self.property);
        }
        Ok(())
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
                "The group ids provided in different places (directly using '--group', via '--consumer-property', or via '--consumer-config') do not match. Detected group ids: {}",
                list.join(", ")
            ));
        }
        properties.extend(extra);
        let name = || "console-share-consumer".to_owned();
        properties.insert("bootstrap.servers".to_owned(), self.bootstrap_server.clone().unwrap_or_default());
        properties.entry("client.id".to_owned()).or_insert_with(name);
        properties.insert("group.id".to_owned(), groups.pop().unwrap_or_else(name));
        properties.insert("share.acknowledgement.mode".to_owned(), "explicit".to_owned());
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

    const fn acknowledge_type(&self) -> AcknowledgeType {
        if self.reject {
            AcknowledgeType::Reject
        } else if self.release {
            AcknowledgeType::Release
        } else {
            AcknowledgeType::Accept
        }
    }

    async fn print(
        &self,
        consumer: &mut ShareConsumer,
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
            // What is not printed is not acknowledged, and goes to others when this consumer ends.
            let left = limit.map_or(records.len(), |limit| usize::try_from(limit - *count).unwrap_or(0));
            for record in records.iter().take(left) {
                *count += 1;
                if !self.print_one(consumer, formatter, record, &mut out)? {
                    return Ok(());
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

    /// False if nobody reads what is printed.
    fn print_one(
        &self,
        consumer: &mut ShareConsumer,
        formatter: &Formatter,
        record: &ShareRecord,
        out: &mut impl std::io::Write,
    ) -> anyhow::Result<bool> {
        match formatter.write_delivered(&record.record, Some(record.delivery_count), out) {
            Ok(()) => consumer.acknowledge(record, self.acknowledge_type())?,
            Err(error) if error.downcast_ref::<std::io::Error>().is_some() => {
                eprintln!("Unable to write to standard out, closing consumer.");
                return Ok(false);
            }
            Err(error) if self.reject_message_on_error => {
                eprintln!("Error processing message, rejecting this message: {error:#}");
                consumer.acknowledge(record, AcknowledgeType::Reject)?;
            }
            Err(error) => return Err(error),
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn contradictions_are_refused() {
        for (arguments, expect) in [
            ("--bootstrap-server a:1", "--topic is a required argument"),
            ("--topic t", "Missing required argument \"[bootstrap-server]\""),
            (
                "--topic t --bootstrap-server a:1 --reject --release",
                "At most one of --reject and --release may be specified.",
            ),
            (
                "--topic t --bootstrap-server a:1 --property a=b --formatter-property a=b",
                "Options --property and --formatter-property cannot be specified together.",
            ),
        ] {
            let line = std::iter::once("x").chain(arguments.split_whitespace());
            let mut options = Options::try_parse_from(line).unwrap();
            assert_eq!(options.settle(), Err(expect.to_owned()), "{arguments}");
        }
        let line = "x --topic t --bootstrap-server a:1 --group g --command-property group.id=h";
        let options = Options::try_parse_from(line.split_whitespace()).unwrap();
        assert!(options.properties().unwrap_err().ends_with("Detected group ids: 'g', 'h'"));
    }
}
