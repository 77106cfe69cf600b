//! `klamm share-consumer-perf-test` (kafka-share-consumer-perf-test): reads records as members of a share group and says
//! how fast that was.

use std::cell::Cell;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use klamm_client::share::ShareConsumer;
use klamm_client::{ClientConfig, ClientError, ClientKind};

use super::consumer_perf_test::{
    date_format::DateFormat,
    metrics,
    reading::{Counts, Reading},
};
use crate::cli::Call;
use crate::session;

/// Reads records of a topic through a share group and measures the throughput.
#[derive(clap::Parser)]
#[command(arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(flatten)]
    reading: Reading,
    /// The topic to read.
    #[arg(long)]
    topic: Option<String>,
    /// Share group to read as.
    #[arg(long, value_name = "ID", default_value = "perf-share-consumer")]
    group: String,
    /// How many share consumers read.
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    threads: u16,
    /// Says of each share consumer what it read.
    #[arg(long)]
    show_consumer_stats: bool,
}

const EXAMPLES: &str = "Example:
  klamm share-consumer-perf-test --bootstrap-server localhost:9092 --topic t --num-records 1000000 --threads 4";

pub(crate) fn run(call: &Call) -> anyhow::Result<ExitCode> {
    let options: Options = match call.parse() {
        Ok(options) => options,
        Err(status) => return Ok(status),
    };
    if let Err(message) = options.check() {
        return Ok(call.usage_error(&message));
    }
    let format = options.reading.format()?;
    let configs = options.configs()?;
    if !options.reading.hide_header {
        println!(
            "start.time, end.time, data.consumed.in.MB, MB.sec, nMsg.sec, data.consumed.in.nMsg, fetch.time.ms"
        );
    }
    let members = tokio::task::LocalSet::new();
    session::block_on(members.run_until(options.measure(configs, format)))?;
    Ok(ExitCode::SUCCESS)
}

/// One share consumer at work.
struct Reader {
    consumer: ShareConsumer,
    /// Counted from 1.
    number: usize,
    format: Rc<DateFormat>,
    /// Records that all have read.
    total: Rc<Cell<i64>>,
    wanted: i64,
    timeout_ms: i64,
    /// Milliseconds between reports, if there are any.
    report_every_ms: Option<i64>,
}

impl Options {
    fn check(&self) -> Result<(), String> {
        if self.topic.is_none() {
            return Err("Missing required argument \"[topic]\"".to_owned());
        }
        self.reading.check_required()?;
        self.reading.check()
    }

    /// A configuration for each share consumer.
    fn configs(&self) -> anyhow::Result<Vec<ClientConfig>> {
        let mut properties = self.reading.properties()?;
        properties.insert("group.id".to_owned(), self.group.clone());
        properties.insert("fetch.max.bytes".to_owned(), self.reading.fetch_size.to_string());
        let name = properties
            .entry("client.id".to_owned())
            .or_insert_with(|| "perf-share-consumer-client".to_owned())
            .clone();
        let mut configs = Vec::new();
        for number in 1..=self.threads.max(1) {
            if self.threads > 1 {
                properties.insert("client.id".to_owned(), format!("{name}-{number}"));
            }
            configs.push(ClientConfig::new(ClientKind::Consumer, properties.clone())?);
        }
        Ok(configs)
    }

    async fn measure(&self, configs: Vec<ClientConfig>, format: DateFormat) -> anyhow::Result<()> {
        let (format, total) = (Rc::new(format), Rc::new(Cell::new(0)));
        let mut readers = Vec::new();
        let mut names = Vec::new();
        for (place, config) in configs.iter().enumerate() {
            let mut consumer = ShareConsumer::new(config)?;
            consumer.subscribe(self.topic.clone());
            names.push(config.text("client.id").unwrap_or_default().to_owned());
            readers.push(Reader {
                consumer,
                number: place + 1,
                format: Rc::clone(&format),
                total: Rc::clone(&total),
                wanted: self.reading.wanted(),
                timeout_ms: self.reading.timeout,
                report_every_ms: self.reading.show_detailed_stats.then_some(self.reading.reporting_interval),
            });
        }
        let Some(clock) = readers.first().map(|reader| reader.consumer.cluster().clock()) else {
            return Ok(());
        };
        let start_ms = clock.wall_ms();
        let tasks: Vec<_> =
            readers.into_iter().map(|reader| tokio::task::spawn_local(reader.consume())).collect();
        let mut done = Vec::new();
        for task in tasks {
            done.push(task.await??);
        }
        let end_ms = clock.wall_ms();
        let mut all = Counts::default();
        for (number, (name, (_, counts))) in names.iter().zip(&done).enumerate() {
            if self.show_consumer_stats {
                let line = stats(&format, (start_ms, end_ms), *counts);
                println!("Share consumer {} having client id {name} consumption metrics- {line}", number + 1);
            }
            all.bytes += counts.bytes;
            all.records += counts.records;
        }
        self.reading.warn_if_short(all.records);
        let tables: Vec<String> = done
            .iter()
            .filter(|_| self.reading.print_metrics)
            .map(|(consumer, _)| metrics::table(&consumer.metrics()))
            .collect();
        for (consumer, _) in &mut done {
            consumer.commit().await?;
        }
        println!("{}", stats(&format, (start_ms, end_ms), all));
        tables.iter().for_each(|table| println!("{table}"));
        for (consumer, _) in done {
            consumer.close().await;
        }
        Ok(())
    }
}

impl Reader {
    /// Reads until all have read what is wanted, or no record came for a while.
    async fn consume(mut self) -> Result<(ShareConsumer, Counts), ClientError> {
        let clock = self.consumer.cluster().clock();
        let (mut counts, mut reported) = (Counts::default(), Counts::default());
        let mut now_ms = clock.wall_ms();
        let (mut last_report_ms, mut last_record_ms) = (now_ms, now_ms);
        while self.total.get() < self.wanted && now_ms - last_record_ms <= self.timeout_ms {
            let records = self.consumer.poll(Duration::from_millis(100)).await?;
            now_ms = clock.wall_ms();
            if !records.is_empty() {
                last_record_ms = now_ms;
            }
            for record in &records {
                counts.add(&record.record);
                self.total.set(self.total.get() + 1);
                if self.report_every_ms.is_some_and(|every| now_ms - last_report_ms >= every) {
                    println!("{}", self.progress((last_report_ms, now_ms), (reported, counts)));
                    (last_report_ms, reported) = (now_ms, counts);
                }
            }
        }
        Ok((self.consumer, counts))
    }

    fn progress(&self, (start_ms, end_ms): (i64, i64), (before, counts): (Counts, Counts)) -> String {
        let elapsed_ms = (end_ms - start_ms) as f64;
        format!(
            "{}, {}, {:.4}, {:.4}, {:.4}, {}, {} for share consumer {}",
            self.format.text(start_ms),
            self.format.text(end_ms),
            counts.megabytes(),
            1000.0 * (counts.megabytes() - before.megabytes()) / elapsed_ms,
            (counts.records - before.records) as f64 / elapsed_ms * 1000.0,
            counts.records,
            end_ms - start_ms,
            self.number
        )
    }
}

fn stats(format: &DateFormat, (start_ms, end_ms): (i64, i64), counts: Counts) -> String {
    let elapsed = (end_ms - start_ms) as f64 / 1000.0;
    format!(
        "{}, {}, {:.4}, {:.4}, {:.4}, {}, {}",
        format.text(start_ms),
        format.text(end_ms),
        counts.megabytes(),
        counts.megabytes() / elapsed,
        counts.records as f64 / elapsed,
        counts.records,
        end_ms - start_ms
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn the_summary_is_that_of_kafka() {
        let format = DateFormat::new("yyyy-MM-dd HH:mm:ss:SSS").unwrap().utc();
        let line = stats(&format, (0, 2000), Counts { bytes: 1 << 20, records: 10 });
        let expect = "1970-01-01 00:00:00:000, 1970-01-01 00:00:02:000, 1.0000, 0.5000, 5.0000, 10, 2000";
        assert_eq!(line, expect);
    }

    #[test]
    fn each_consumer_has_a_name_of_its_own() {
        for (arguments, expect) in [
            ("--threads 1", vec!["perf-share-consumer-client"]),
            ("--threads 2 --command-property client.id=c", vec!["c-1", "c-2"]),
        ] {
            let line = format!("x --bootstrap-server b:1 --topic t --num-records 1 {arguments}");
            let options = Options::try_parse_from(line.split_whitespace()).unwrap();
            options.check().unwrap();
            let configs = options.configs().unwrap();
            let names: Vec<&str> = configs.iter().filter_map(|config| config.text("client.id")).collect();
            assert_eq!(names, expect, "{arguments}");
            assert!(configs.iter().all(|config| config.text("group.id") == Some("perf-share-consumer")));
        }
    }

    #[test]
    fn what_is_missing_is_said() {
        for (arguments, expect) in [
            ("--bootstrap-server b:1 --num-records 1", "Missing required argument \"[topic]\""),
            ("--topic t --num-records 1", "Missing required argument \"[bootstrap-server]\""),
            ("--topic t --bootstrap-server b:1", "Exactly one of the following arguments is required"),
        ] {
            let options = Options::try_parse_from(format!("x {arguments}").split_whitespace()).unwrap();
            let message = options.check().unwrap_err();
            assert!(message.starts_with(expect), "{arguments}: {message}");
        }
    }
}
