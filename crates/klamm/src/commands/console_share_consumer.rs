//! `klamm console-share-consumer` (kafka-console-share-consumer): prints the records that a member of a share group is
//! given.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use klamm_client::share::{AcknowledgeType, ShareConsumer, ShareRecord};
use klamm_client::{ClientConfig, ClientKind};

use super::console::{ConsoleOptions, OldConfig, Source, formatter::Formatter, is_of_record};
use crate::cli::Call;
use crate::session::{self, Properties};

const OLD_CONFIG: OldConfig = "--consumer-config";

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
    #[command(flatten)]
    console: ConsoleOptions,
    /// Rejects records instead of accepting them.
    #[arg(long)]
    reject: bool,
    /// Releases records instead of accepting them: they will be delivered again.
    #[arg(long)]
    release: bool,
    /// Rejects a record that cannot be printed, and goes on.
    #[arg(long)]
    reject_message_on_error: bool,
    /// Deprecated: use --command-config.
    #[arg(long, value_name = "FILE", hide = true)]
    consumer_config: Option<PathBuf>,
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
    let formatter = match options.console.formatter() {
        Ok(formatter) => formatter,
        Err(error) => return Ok(call.usage_error(&format!("{error:#}"))),
    };
    let config = ClientConfig::new(ClientKind::Consumer, properties)?;
    let mut count = 0;
    let result = session::block_on(async {
        let mut consumer = ShareConsumer::new(&config)?;
        consumer.subscribe(options.topic.clone());
        let mut source = Shared { consumer, formatter, options: &options };
        let result = options.console.print(&mut source, &mut count).await;
        source.consumer.close().await;
        result
    });
    options.console.say_end(count);
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
        self.console.take_over((OLD_CONFIG, self.consumer_config.take()))
    }

    fn properties(&self) -> Result<Properties, String> {
        let (mut properties, group) = self.console.properties(self.group.as_ref(), OLD_CONFIG)?;
        let name = || "console-share-consumer".to_owned();
        properties.insert("bootstrap.servers".to_owned(), self.bootstrap_server.clone().unwrap_or_default());
        properties.entry("client.id".to_owned()).or_insert_with(name);
        properties.insert("group.id".to_owned(), group.unwrap_or_else(name));
        properties.insert("share.acknowledgement.mode".to_owned(), "explicit".to_owned());
        Ok(properties)
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
}

/// Records that a member of a share group is given.
struct Shared<'a> {
    consumer: ShareConsumer,
    formatter: Formatter,
    options: &'a Options,
}

impl Source for Shared<'_> {
    type Record = ShareRecord;

    fn clock(&self) -> klamm_io::Clock {
        self.consumer.cluster().clock()
    }

    async fn poll(&mut self, wait: Duration) -> anyhow::Result<Vec<ShareRecord>> {
        Ok(self.consumer.poll(wait).await?)
    }

    fn print(&mut self, record: &ShareRecord, out: &mut impl Write) -> anyhow::Result<()> {
        let kind = match self.formatter.write(&record.record, Some(record.delivery_count), out) {
            Ok(()) => self.options.acknowledge_type(),
            Err(error) if self.options.reject_message_on_error && is_of_record(&error) => {
                eprintln!("Error processing message, rejecting this message: {error:#}");
                AcknowledgeType::Reject
            }
            Err(error) => return Err(error),
        };
        Ok(self.consumer.acknowledge(record, kind)?)
    }

    /// What is not acknowledged goes to others when this consumer ends.
    async fn put_back(&mut self, _: &[ShareRecord]) {}
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
