//! `klamm consumer-perf-test` (kafka-consumer-perf-test): reads records and says how fast that was.

mod date_format;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use klamm_client::consumer::{Consumer, RebalanceEvent};
use klamm_client::{ClientConfig, ClientKind};
use klamm_io::Clock;

use crate::cli::Call;
use crate::session::{self, Properties};
use date_format::DateFormat;

/// Reads records of a topic and measures the throughput.
#[derive(clap::Parser)]
#[command(arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Brokers to connect to, as host:port,host:port.
    #[arg(long, value_name = "SERVER")]
    bootstrap_server: Option<String>,
    /// The topic to read.
    #[arg(long)]
    topic: Option<String>,
    /// Reads every topic that this regular expression matches.
    #[arg(long, value_name = "REGEX")]
    include: Option<String>,
    /// Number of records to read.
    #[arg(long, value_name = "COUNT")]
    num_records: Option<i64>,
    /// Deprecated: use --num-records.
    #[arg(long, value_name = "COUNT", hide = true)]
    messages: Option<i64>,
    /// Group to read as. [default: perf-consumer- with a random number]
    #[arg(long, value_name = "ID")]
    group: Option<String>,
    /// Bytes asked for per partition.
    #[arg(long, value_name = "BYTES", default_value_t = 1024 * 1024)]
    fetch_size: i32,
    /// Begins with the last record rather than the first, unless the group has committed offsets.
    #[arg(long)]
    from_latest: bool,
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
    /// Prints the consumer's metrics at the end.
    #[arg(long)]
    print_metrics: bool,
    /// Reports every --reporting-interval, instead of once at the end.
    #[arg(long)]
    show_detailed_stats: bool,
    /// Ends when no record has come for this many milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 10_000, num_args = 0..=1, default_missing_value = "10000")]
    timeout: i64,
    /// Milliseconds between reports.
    #[arg(long, value_name = "MS", default_value_t = 5000)]
    reporting_interval: i64,
    /// How times are printed, as java.text.SimpleDateFormat reads it.
    #[arg(long, value_name = "FORMAT", default_value = "yyyy-MM-dd HH:mm:ss:SSS")]
    date_format: String,
    /// Leaves out the line of column names.
    #[arg(long)]
    hide_header: bool,
}

const EXAMPLES: &str = "Example:
  klamm consumer-perf-test --bootstrap-server localhost:9092 --topic t --num-records 1000000";

const MB: f64 = 1024.0 * 1024.0;

pub(crate) fn run(call: &Call) -> anyhow::Result<ExitCode> {
    let options: Options = match call.parse() {
        Ok(options) => options,
        Err(status) => return Ok(status),
    };
    if let Err(message) = options.check() {
        return Ok(call.usage_error(&message));
    }
    let format = DateFormat::new(&options.date_format)?;
    let config = ClientConfig::new(ClientKind::Consumer, options.properties()?)?;
    if !options.hide_header {
        let first = if options.show_detailed_stats { "time, threadId" } else { "start.time, end.time" };
        println!(
            "{first}, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec"
        );
    }
    session::block_on(options.measure(&config, &format))?;
    Ok(ExitCode::SUCCESS)
}

/// Time spent waiting for partitions.
struct Joining {
    since_ms: i64,
    total_ms: i64,
    round_ms: i64,
    assigned: usize,
}

impl Joining {
    fn take(&mut self, event: &RebalanceEvent, now_ms: i64) {
        match event {
            RebalanceEvent::Assigned(added) => {
                if self.assigned == 0 {
                    self.total_ms += now_ms - self.since_ms;
                    self.round_ms += now_ms - self.since_ms;
                }
                self.assigned += added.len();
            }
            RebalanceEvent::Revoked(gone) | RebalanceEvent::Lost(gone) => {
                self.assigned = self.assigned.saturating_sub(gone.len());
                if self.assigned == 0 {
                    self.since_ms = now_ms;
                }
            }
        }
    }
}

/// What was read so far.
#[derive(Clone, Copy, Default)]
struct Counts {
    bytes: u64,
    records: i64,
}

impl Options {
    fn check(&self) -> Result<(), String> {
        if self.bootstrap_server.is_none() {
            return Err("Missing required argument \"[bootstrap-server]\"".to_owned());
        }
        if self.topic.is_some() == self.include.is_some() {
            return Err("Exactly one of the following arguments is required: [topic], [include]".to_owned());
        }
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

    fn properties(&self) -> anyhow::Result<Properties> {
        let file = self.command_config.as_deref().or(self.consumer_config.as_deref());
        let mut properties = session::properties_file(file)?;
        properties.extend(session::key_values(&self.command_property));
        let group = self
            .group
            .clone()
            .unwrap_or_else(|| format!("perf-consumer-{}", klamm_io::Entropy::real().below(100_000)));
        for (key, value) in [
            ("bootstrap.servers", self.bootstrap_server.clone().unwrap_or_default()),
            ("group.id", group),
            ("receive.buffer.bytes", self.socket_buffer_size.to_string()),
            ("max.partition.fetch.bytes", self.fetch_size.to_string()),
            ("auto.offset.reset", if self.from_latest { "latest" } else { "earliest" }.to_owned()),
            ("check.crcs", "false".to_owned()),
        ] {
            properties.insert(key.to_owned(), value);
        }
        properties.entry("client.id".to_owned()).or_insert_with(|| "perf-consumer-client".to_owned());
        Ok(properties)
    }

    async fn measure(&self, config: &ClientConfig, format: &DateFormat) -> anyhow::Result<()> {
        let mut consumer = Consumer::new(config)?;
        let clock = consumer.cluster().clock();
        let start_ms = clock.wall_ms();
        let joining =
            Arc::new(Mutex::new(Joining { since_ms: start_ms, total_ms: 0, round_ms: 0, assigned: 0 }));
        let listener = Arc::clone(&joining);
        consumer.on_rebalance(move |event| lock(&listener).take(&event, clock.wall_ms()));
        match (&self.topic, &self.include) {
            (Some(topic), _) => consumer.subscribe([topic.as_str()])?,
            (None, Some(include)) => {
                let regex = regex::Regex::new(&format!("^(?:{include})$"))?;
                consumer.subscribe_matching(move |name| regex.is_match(name))?;
            }
            (None, None) => {}
        }
        let counts = self.consume(&mut consumer, clock, format, &joining).await?;
        let end_ms = clock.wall_ms();
        if !self.show_detailed_stats {
            let joining_ms = lock(&joining).total_ms;
            println!("{}", summary(format, (start_ms, end_ms), joining_ms, counts));
        }
        consumer.close().await;
        Ok(())
    }

    async fn consume(
        &self,
        consumer: &mut Consumer,
        clock: Clock,
        format: &DateFormat,
        joining: &Mutex<Joining>,
    ) -> anyhow::Result<Counts> {
        let wanted = self.num_records.or(self.messages).unwrap_or_default();
        let (mut counts, mut reported) = (Counts::default(), Counts::default());
        let mut now_ms = clock.wall_ms();
        let (mut last_report_ms, mut last_record_ms) = (now_ms, now_ms);
        let bar = crate::progress::items(u64::try_from(wanted).unwrap_or(0), "records");
        while counts.records < wanted && now_ms - last_record_ms <= self.timeout {
            let records = consumer.poll(Duration::from_millis(100)).await?;
            now_ms = clock.wall_ms();
            if !records.is_empty() {
                last_record_ms = now_ms;
            }
            bar.set_position(u64::try_from(counts.records).unwrap_or(0));
            for record in &records {
                counts.records += 1;
                let size = |bytes: &Option<bytes::Bytes>| bytes.as_ref().map_or(0, bytes::Bytes::len) as u64;
                counts.bytes += size(&record.key) + size(&record.value);
                if now_ms - last_report_ms >= self.reporting_interval {
                    let round_ms = std::mem::take(&mut lock(joining).round_ms);
                    if self.show_detailed_stats {
                        let line = progress(format, (last_report_ms, now_ms), round_ms, (reported, counts));
                        bar.suspend(|| println!("{line}"));
                    }
                    (last_report_ms, reported) = (now_ms, counts);
                }
            }
        }
        bar.finish_and_clear();
        if counts.records < wanted {
            println!(
                "WARNING: Exiting before consuming the expected number of records: timeout ({} ms) exceeded. You can use the --timeout option to increase the timeout.",
                self.timeout
            );
        }
        Ok(counts)
    }
}

fn lock(joining: &Mutex<Joining>) -> std::sync::MutexGuard<'_, Joining> {
    joining.lock().unwrap_or_else(PoisonError::into_inner)
}

fn summary(format: &DateFormat, (start_ms, end_ms): (i64, i64), joining_ms: i64, counts: Counts) -> String {
    let elapsed = (end_ms - start_ms) as f64 / 1000.0;
    let fetch_ms = end_ms - start_ms - joining_ms;
    let mb = counts.bytes as f64 / MB;
    let records = counts.records as f64;
    format!(
        "{}, {}, {mb:.4}, {:.4}, {}, {:.4}, {joining_ms}, {fetch_ms}, {:.4}, {:.4}",
        format.text(start_ms),
        format.text(end_ms),
        mb / elapsed,
        counts.records,
        records / elapsed,
        mb / (fetch_ms as f64 / 1000.0),
        records / (fetch_ms as f64 / 1000.0)
    )
}

fn progress(
    format: &DateFormat,
    (start_ms, end_ms): (i64, i64),
    joining_ms: i64,
    (before, counts): (Counts, Counts),
) -> String {
    let elapsed = (end_ms - start_ms) as f64;
    let fetch_ms = end_ms - start_ms - joining_ms;
    let mb = (counts.bytes - before.bytes) as f64 / MB;
    let records = (counts.records - before.records) as f64;
    let per_fetch = |value: f64| if fetch_ms <= 0 { 0.0 } else { 1000.0 * value / fetch_ms as f64 };
    format!(
        "{}, 0, {:.4}, {:.4}, {}, {:.4}, {joining_ms}, {fetch_ms}, {:.4}, {:.4}",
        format.text(end_ms),
        counts.bytes as f64 / MB,
        1000.0 * mb / elapsed,
        counts.records,
        records / elapsed * 1000.0,
        per_fetch(mb),
        per_fetch(records)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_is_that_of_kafka() {
        let format = DateFormat::new("yyyy-MM-dd HH:mm:ss:SSS").unwrap().utc();
        let line = summary(&format, (0, 2000), 1000, Counts { bytes: 1 << 20, records: 10 });
        assert_eq!(
            line,
            "1970-01-01 00:00:00:000, 1970-01-01 00:00:02:000, 1.0000, 0.5000, 10, 5.0000, 1000, 1000, 1.0000, 10.0000"
        );
    }
}
