//! `klamm consumer-perf-test` (kafka-consumer-perf-test): reads records and says how fast that was.

pub(in crate::commands) mod date_format;
pub(in crate::commands) mod metrics;
pub(in crate::commands) mod reading;

use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use klamm_client::consumer::{Consumer, RebalanceEvent};
use klamm_client::{ClientConfig, ClientKind};
use klamm_io::Clock;

use crate::cli::Call;
use crate::session::{self, Properties};
use date_format::DateFormat;
use reading::{Counts, Reading};

/// Reads records of a topic and measures the throughput.
#[derive(clap::Parser)]
#[command(arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(flatten)]
    reading: Reading,
    /// The topic to read.
    #[arg(long)]
    topic: Option<String>,
    /// Reads every topic that this regular expression matches.
    #[arg(long, value_name = "REGEX")]
    include: Option<String>,
    /// Group to read as. [default: perf-consumer- with a random number]
    #[arg(long, value_name = "ID")]
    group: Option<String>,
    /// Begins with the last record rather than the first, unless the group has committed offsets.
    #[arg(long)]
    from_latest: bool,
}

const EXAMPLES: &str = "Example:
  klamm consumer-perf-test --bootstrap-server localhost:9092 --topic t --num-records 1000000";

pub(crate) fn run(call: &Call) -> anyhow::Result<ExitCode> {
    let options: Options = match call.parse() {
        Ok(options) => options,
        Err(status) => return Ok(status),
    };
    if let Err(message) = options.check() {
        return Ok(call.usage_error(&message));
    }
    let format = options.reading.format()?;
    let config = ClientConfig::new(ClientKind::Consumer, options.properties()?)?;
    if !options.reading.hide_header {
        let first =
            if options.reading.show_detailed_stats { "time, threadId" } else { "start.time, end.time" };
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

impl Options {
    fn check(&self) -> Result<(), String> {
        self.reading.check_required()?;
        if self.topic.is_some() == self.include.is_some() {
            return Err("Exactly one of the following arguments is required: [topic], [include]".to_owned());
        }
        self.reading.check()
    }

    fn properties(&self) -> anyhow::Result<Properties> {
        let mut properties = self.reading.properties()?;
        let group = self
            .group
            .clone()
            .unwrap_or_else(|| format!("perf-consumer-{}", klamm_io::Entropy::real().below(100_000)));
        for (key, value) in [
            ("group.id", group),
            ("max.partition.fetch.bytes", self.reading.fetch_size.to_string()),
            ("auto.offset.reset", if self.from_latest { "latest" } else { "earliest" }.to_owned()),
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
        if !self.reading.show_detailed_stats {
            let joining_ms = lock(&joining).total_ms;
            println!("{}", summary(format, (start_ms, end_ms), joining_ms, counts));
        }
        if self.reading.print_metrics {
            println!("{}", metrics::table(&consumer.metrics()));
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
        let wanted = self.reading.wanted();
        let (mut counts, mut reported) = (Counts::default(), Counts::default());
        let mut now_ms = clock.wall_ms();
        let (mut last_report_ms, mut last_record_ms) = (now_ms, now_ms);
        let bar = crate::progress::items(u64::try_from(wanted).unwrap_or(0), "records");
        while counts.records < wanted && now_ms - last_record_ms <= self.reading.timeout {
            let records = consumer.poll(Duration::from_millis(100)).await?;
            now_ms = clock.wall_ms();
            if !records.is_empty() {
                last_record_ms = now_ms;
            }
            bar.set_position(u64::try_from(counts.records).unwrap_or(0));
            for record in &records {
                counts.add(record);
                if now_ms - last_report_ms >= self.reading.reporting_interval {
                    let round_ms = std::mem::take(&mut lock(joining).round_ms);
                    if self.reading.show_detailed_stats {
                        let line = progress(format, (last_report_ms, now_ms), round_ms, (reported, counts));
                        bar.suspend(|| println!("{line}"));
                    }
                    (last_report_ms, reported) = (now_ms, counts);
                }
            }
        }
        bar.finish_and_clear();
        self.reading.warn_if_short(counts.records);
        Ok(counts)
    }
}

fn lock(joining: &Mutex<Joining>) -> std::sync::MutexGuard<'_, Joining> {
    joining.lock().unwrap_or_else(PoisonError::into_inner)
}

fn summary(format: &DateFormat, (start_ms, end_ms): (i64, i64), joining_ms: i64, counts: Counts) -> String {
    let elapsed = (end_ms - start_ms) as f64 / 1000.0;
    let fetch_ms = end_ms - start_ms - joining_ms;
    let mb = counts.megabytes();
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
    let mb = counts.megabytes() - before.megabytes();
    let records = (counts.records - before.records) as f64;
    let per_fetch = |value: f64| if fetch_ms <= 0 { 0.0 } else { 1000.0 * value / fetch_ms as f64 };
    format!(
        "{}, 0, {:.4}, {:.4}, {}, {:.4}, {joining_ms}, {fetch_ms}, {:.4}, {:.4}",
        format.text(end_ms),
        counts.megabytes(),
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
