//! What the tools that measure reading have in common: which options they take, and what they count.

use std::path::PathBuf;

use klamm_client::consumer::ConsumerRecord;

use super::date_format::DateFormat;
use crate::session::{self, Properties};

// Not a doc comment: it would take the place of what the command says about itself.
#[derive(clap::Args)]
pub(in crate::commands) struct Reading {
    /// Brokers to connect to, as host:port,host:port.
    #[arg(long, value_name = "SERVER")]
    bootstrap_server: Option<String>,
    /// Number of records to read.
    #[arg(long, value_name = "COUNT")]
    num_records: Option<i64>,
    /// Deprecated: use --num-records.
    #[arg(long, value_name = "COUNT", hide = true)]
    messages: Option<i64>,
    /// Bytes asked for at a time: per partition, or for a share consumer in all.
    #[arg(long, value_name = "BYTES", default_value_t = 1024 * 1024)]
    pub(in crate::commands) fetch_size: i32,
    /// The socket's receive buffer.
    #[arg(long, value_name = "BYTES", default_value_t = 2 * 1024 * 1024)]
    socket_buffer_size: i32,
    /// Configuration of the consumer; over --command-config.
    #[arg(long, value_name = "KEY=VALUE")]
    command_property: Vec<String>,
    /// Properties file of the consumer.
    #[arg(long, value_name = "FILE")]
    command_config: Option<PathBuf>,
    /// Deprecated: use --command-config.
    #[arg(long = "consumer.config", value_name = "FILE", hide = true)]
    consumer_config: Option<PathBuf>,
    /// Prints the metrics of each consumer at the end: those that this client has, under Kafka's names.
    #[arg(long)]
    pub(in crate::commands) print_metrics: bool,
    /// Reports every --reporting-interval, not only at the end.
    #[arg(long)]
    pub(in crate::commands) show_detailed_stats: bool,
    /// Ends when no record has come for this many milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 10_000, num_args = 0..=1, default_missing_value = "10000")]
    pub(in crate::commands) timeout: i64,
    /// Milliseconds between reports.
    #[arg(long, value_name = "MS", default_value_t = 5000)]
    pub(in crate::commands) reporting_interval: i64,
    /// How times are printed, as java.text.SimpleDateFormat reads it.
    #[arg(long, value_name = "FORMAT", default_value = "yyyy-MM-dd HH:mm:ss:SSS")]
    date_format: String,
    /// Leaves out the line of column names.
    #[arg(long)]
    pub(in crate::commands) hide_header: bool,
}

impl Reading {
    /// Refuses a command line that does not say which cluster is meant.
    pub(in crate::commands) fn check_required(&self) -> Result<(), String> {
        match self.bootstrap_server {
            Some(_) => Ok(()),
            None => Err("Missing required argument \"[bootstrap-server]\"".to_owned()),
        }
    }

    /// Refuses contradictions; warns of what is deprecated.
    pub(in crate::commands) fn check(&self) -> Result<(), String> {
        if self.messages.is_some() == self.num_records.is_some() {
            return Err(
                "Exactly one of the following arguments is required: [messages], [num-records]".to_owned()
            );
        }
        if self.consumer_config.is_some() && self.command_config.is_some() {
            return Err(
                "Option \"[consumer.config]\" can't be used with option \"[command-config]\"".to_owned()
            );
        }
        if self.reporting_interval <= 0 {
            return Err("Reporting interval must be greater than 0.".to_owned());
        }
        if self.messages.is_some() {
            println!("Warning: --messages is deprecated. Use --num-records instead.");
        }
        if self.consumer_config.is_some() {
            println!("Warning: --consumer.config is deprecated. Use --command-config instead.");
        }
        Ok(())
    }

    /// How many records to read.
    pub(in crate::commands) fn wanted(&self) -> i64 {
        self.num_records.or(self.messages).unwrap_or_default()
    }

    /// How to print times.
    pub(in crate::commands) fn format(&self) -> anyhow::Result<DateFormat> {
        DateFormat::new(&self.date_format)
    }

    /// What the command line says about the client.
    pub(in crate::commands) fn properties(&self) -> anyhow::Result<Properties> {
        let file = self.command_config.as_deref().or(self.consumer_config.as_deref());
        let mut properties = session::properties_file(file)?;
        properties.extend(session::key_values(&self.command_property));
        for (key, value) in [
            ("bootstrap.servers", self.bootstrap_server.clone().unwrap_or_default()),
            ("receive.buffer.bytes", self.socket_buffer_size.to_string()),
            ("check.crcs", "false".to_owned()),
        ] {
            properties.insert(key.to_owned(), value);
        }
        Ok(properties)
    }

    /// Says so if fewer records came than were wanted.
    pub(in crate::commands) fn warn_if_short(&self, records: i64) {
        if records < self.wanted() {
            println!(
                "WARNING: Exiting before consuming the expected number of records: timeout ({} ms) exceeded. You can use the --timeout option to increase the timeout.",
                self.timeout
            );
        }
    }
}

/// What was read so far.
#[derive(Clone, Copy, Default)]
pub(in crate::commands) struct Counts {
    /// Bytes of keys and values.
    pub(in crate::commands) bytes: u64,
    /// Records.
    pub(in crate::commands) records: i64,
}

impl Counts {
    /// Counts a record.
    pub(in crate::commands) fn add(&mut self, record: &ConsumerRecord) {
        let size = |bytes: &Option<bytes::Bytes>| bytes.as_ref().map_or(0, bytes::Bytes::len) as u64;
        self.records += 1;
        self.bytes += size(&record.key) + size(&record.value);
    }

    /// Its bytes in units of 2^20.
    pub(in crate::commands) fn megabytes(&self) -> f64 {
        self.bytes as f64 / (1024.0 * 1024.0)
    }
}
