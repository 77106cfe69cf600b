//! What `console-consumer` and `console-share-consumer` have in common: options, the loop that prints records, the end.

mod deserializer;
pub(in crate::commands) mod formatter;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use crate::session::{self, Properties};
use formatter::Formatter;

// Not a doc comment: it would take the place of what the command says about itself.
#[derive(clap::Args)]
pub(in crate::commands) struct ConsoleOptions {
    /// Ends after this many records.
    #[arg(long, value_name = "COUNT", allow_hyphen_values = true)]
    max_messages: Option<i32>,
    /// Ends when no record has come for this long.
    #[arg(long, value_name = "MS", allow_hyphen_values = true)]
    timeout_ms: Option<i64>,
    /// What is printed: print.timestamp, print.key, print.offset, print.delivery, print.epoch, print.partition,
    /// print.headers, print.value (true or false); key.separator (tab), line.separator, headers.separator,
    /// null.literal; key.deserializer, value.deserializer, headers.deserializer.
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
    /// Deprecated: use --formatter-property.
    #[arg(long, value_name = "KEY=VALUE", hide = true)]
    property: Vec<String>,
}

/// The name of the deprecated option for --command-config, in which the two tools differ.
pub(in crate::commands) type OldConfig = &'static str;

/// Where the records come from.
pub(in crate::commands) trait Source {
    type Record;

    fn clock(&self) -> klamm_io::Clock;

    /// The next records; none if there are none for so long.
    async fn poll(&mut self, wait: Duration) -> anyhow::Result<Vec<Self::Record>>;

    /// Prints one record. An error of the output is given as it is.
    fn print(&mut self, record: &Self::Record, out: &mut impl Write) -> anyhow::Result<()>;

    /// Gives back records that were polled and are not going to be printed.
    async fn put_back(&mut self, records: &[Self::Record]);
}

impl ConsoleOptions {
    /// Takes over what deprecated options say, unless the new ones are given too.
    pub(in crate::commands) fn take_over(
        &mut self,
        (name, config): (OldConfig, Option<PathBuf>),
    ) -> Result<(), String> {
        let property = ("--consumer-property", "--command-property", !self.consumer_property.is_empty());
        let file = (name, "--command-config", config.is_some());
        let format = ("--property", "--formatter-property", !self.property.is_empty());
        for ((old, new, is_old), is_new) in [
            (property, !self.command_property.is_empty()),
            (file, self.command_config.is_some()),
            (format, !self.formatter_property.is_empty()),
        ] {
            if is_old && is_new {
                return Err(format!("Options {old} and {new} cannot be specified together."));
            }
        }
        for (old, new, is_old) in [property, file, format] {
            if is_old {
                println!(
                    "Option {old} is deprecated and will be removed in a future version. Use {new} instead."
                );
            }
        }
        self.command_property.append(&mut self.consumer_property);
        self.command_config = self.command_config.take().or(config);
        self.formatter_property.append(&mut self.property);
        Ok(())
    }

    /// The consumer's configuration, and its group if one is named: with --group, or in the configuration.
    pub(in crate::commands) fn properties(
        &self,
        group: Option<&String>,
        old_config: OldConfig,
    ) -> Result<(Properties, Option<String>), String> {
        let mut properties =
            session::properties_file(self.command_config.as_deref()).map_err(|error| format!("{error:#}"))?;
        let from_file = properties.get("group.id").cloned();
        let extra: Properties = session::key_values(&self.command_property).collect();
        let mut groups: Vec<String> =
            [group.cloned(), from_file, extra.get("group.id").cloned()].into_iter().flatten().collect();
        groups.sort();
        groups.dedup();
        if groups.len() > 1 {
            let list: Vec<String> = groups.iter().map(|group| format!("'{group}'")).collect();
            return Err(format!(
                "The group ids provided in different places (directly using '--group', via '--consumer-property', or via '{old_config}') do not match. Detected group ids: {}",
                list.join(", ")
            ));
        }
        properties.extend(extra);
        Ok((properties, groups.pop()))
    }

    pub(in crate::commands) fn formatter(&self) -> anyhow::Result<Formatter> {
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

    /// Prints records, and counts them, until there have been enough, none comes any more, or somebody ends it.
    pub(in crate::commands) async fn print(
        &self,
        source: &mut impl Source,
        count: &mut i64,
    ) -> anyhow::Result<()> {
        let limit = self.max_messages.filter(|max| *max != -1).map(i64::from);
        let timeout = self.timeout_ms.and_then(|ms| u64::try_from(ms).ok()).map(Duration::from_millis);
        let clock = source.clock();
        let mut last = clock.now();
        let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        while limit.is_none_or(|limit| *count < limit) {
            let wait = timeout.unwrap_or(Duration::from_secs(3600));
            let records = tokio::select! {
                records = source.poll(wait) => records?,
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
            let left = limit.map_or(records.len(), |limit| usize::try_from(limit - *count).unwrap_or(0));
            let (printed, others) = records.split_at(left.min(records.len()));
            for record in printed {
                *count += 1;
                match source.print(record, &mut out) {
                    Ok(()) => {}
                    Err(error) if is_of_record(&error) => return Err(error),
                    Err(_) => {
                        eprintln!("Unable to write to standard out, closing consumer.");
                        return Ok(());
                    }
                }
            }
            source.put_back(others).await;
            if out.flush().is_err() {
                eprintln!("Unable to write to standard out, closing consumer.");
                return Ok(());
            }
            last = clock.now();
        }
        Ok(())
    }

    /// Says how many records there were, and that it ends.
    pub(in crate::commands) fn say_end(&self, count: i64) {
        eprintln!("Processed a total of {count} messages");
        if self.enable_systest_events {
            println!("shutdown_complete");
        }
    }
}

/// Whether an error is about a record, and not about where it is printed to.
pub(in crate::commands) fn is_of_record(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_none()
}
