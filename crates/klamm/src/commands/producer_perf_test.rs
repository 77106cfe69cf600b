//! `klamm producer-perf-test` (kafka-producer-perf-test): writes records and says how fast that was.

mod stats;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use klamm_client::producer::{Producer, ProducerRecord};
use klamm_client::{ClientConfig, ClientKind};

use super::consumer_perf_test::metrics;
use crate::cli::Call;
use crate::progress;
use crate::session::{self, Properties};
use stats::Stats;

const TRANSACTIONAL_ID: &str = "transactional.id";

/// Records between two movements of the progress bar.
const BAR_STEP: i64 = 1000;

/// Writes records at a given rate, or as fast as it goes, and measures throughput and latency.
#[derive(clap::Parser)]
#[command(arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Brokers to connect to, as host:port,host:port.
    #[arg(long, value_name = "SERVER")]
    bootstrap_server: Option<String>,
    /// The topic to write to.
    #[arg(long)]
    topic: String,
    /// Number of records.
    #[arg(long, value_name = "COUNT", allow_hyphen_values = true)]
    num_records: i64,
    /// Bytes of each value, random capital letters.
    #[arg(long, value_name = "BYTES", allow_hyphen_values = true, group = "payload")]
    record_size: Option<i32>,
    /// UTF-8 text file of which values are taken at random.
    #[arg(long, value_name = "FILE", group = "payload")]
    payload_file: Option<PathBuf>,
    /// Values are 0, 1, 2, ...
    #[arg(long, group = "payload")]
    payload_monotonic: bool,
    /// What separates values in the file.
    #[arg(long, value_name = "TEXT", default_value = "\\n")]
    payload_delimiter: String,
    /// Records per second; -1: as fast as it goes.
    #[arg(long, value_name = "RATE", allow_hyphen_values = true)]
    throughput: f64,
    /// Configuration of the producer, e.g. `--command-property acks=1 linger.ms=10`; over --command-config.
    #[arg(long, value_name = "KEY=VALUE", num_args = 1..)]
    command_property: Vec<String>,
    /// Properties file of the producer.
    #[arg(long, value_name = "FILE")]
    command_config: Option<PathBuf>,
    /// Deprecated: use --command-property.
    #[arg(long, value_name = "KEY=VALUE", num_args = 1.., hide = true)]
    producer_props: Vec<String>,
    /// Deprecated: use --command-config.
    #[arg(long = "producer.config", value_name = "FILE", hide = true)]
    producer_config: Option<PathBuf>,
    /// Prints the producer's metrics at the end.
    #[arg(long)]
    print_metrics: bool,
    /// Writes in transactions of this id; over transactional.id of the configuration. With --transaction-duration-ms
    /// alone the id is performance-producer- and a random one.
    #[arg(long, value_name = "ID")]
    transactional_id: Option<String>,
    /// Commits a transaction when it is that old; 3000 if only an id is given.
    #[arg(long, value_name = "MS", allow_hyphen_values = true)]
    transaction_duration_ms: Option<i64>,
    /// Records at the beginning that a second summary leaves out.
    #[arg(long, value_name = "COUNT", default_value_t = 0, allow_hyphen_values = true)]
    warmup_records: i64,
    /// Time between reports.
    #[arg(long, value_name = "MS", default_value_t = 5000, allow_hyphen_values = true)]
    reporting_interval: i64,
}

const EXAMPLES: &str = "Example:
  klamm producer-perf-test --bootstrap-server localhost:9092 --topic t --num-records 1000000 \\
      --record-size 100 --throughput -1 --command-property compression.type=lz4";

pub(crate) fn run(call: &Call) -> anyhow::Result<ExitCode> {
    let options: Options = match call.parse() {
        Ok(options) => options,
        Err(status) => return Ok(status),
    };
    if let Err(message) = options.check() {
        return Ok(call.usage_error(&message));
    }
    let properties = match options.properties() {
        Ok(properties) => properties,
        Err(error) => return Ok(call.usage_error(&format!("{error:#}"))),
    };
    let payloads = options.payloads()?;
    let config = ClientConfig::new(ClientKind::Producer, properties)?;
    session::block_on(options.measure(&config, payloads))?;
    Ok(ExitCode::SUCCESS)
}

/// What values are made of.
struct Payloads {
    from_file: Vec<Bytes>,
    random: klamm_io::Entropy,
    size: Option<usize>,
}

impl Payloads {
    fn next(&self, number: i64) -> Bytes {
        if !self.from_file.is_empty() {
            let index = self.random.below(self.from_file.len() as u64) as usize;
            return self.from_file[index].clone();
        }
        match self.size {
            Some(size) => self.letters(size),
            None => Bytes::from(number.to_string()),
        }
    }

    /// Random capital letters, several out of each draw.
    fn letters(&self, size: usize) -> Bytes {
        let mut letters = Vec::with_capacity(size);
        while letters.len() < size {
            let mut bits = self.random.next_u64();
            for _ in 0..12.min(size - letters.len()) {
                letters.push(b'A' + (bits % 26) as u8);
                bits /= 26;
            }
        }
        Bytes::from(letters)
    }
}

impl Options {
    fn check(&self) -> Result<(), String> {
        let both = |one: bool, other: bool, message: &str| {
            if one && other { Err(message.to_owned()) } else { Ok(()) }
        };
        if self.record_size.is_none() && self.payload_file.is_none() && !self.payload_monotonic {
            return Err("one of the arguments --record-size --payload-file --payload-monotonic is required"
                .to_owned());
        }
        for (wrong, message) in [
            (self.num_records <= 0, "--num-records should be greater than zero."),
            (
                self.warmup_records.max(0) >= self.num_records,
                "The value for --warmup-records must be strictly fewer than the number of records in the test, --num-records.",
            ),
            (self.record_size.is_some_and(|size| size <= 0), "--record-size should be greater than zero."),
            (
                self.bootstrap_server.is_none()
                    && self.command_property.is_empty()
                    && self.producer_props.is_empty()
                    && self.producer_config.is_none()
                    && self.command_config.is_none(),
                "At least one of --bootstrap-server, --command-property, --producer-props, --producer.config or --command-config must be specified.",
            ),
            (
                self.transaction_duration_ms.is_some_and(|ms| ms <= 0),
                "--transaction-duration-ms should be greater than zero.",
            ),
            (self.reporting_interval <= 0, "--reporting-interval should be greater than zero."),
        ] {
            if wrong {
                return Err(message.to_owned());
            }
        }
        both(
            !self.command_property.is_empty(),
            !self.producer_props.is_empty(),
            "--command-property and --producer-props cannot be specified together.",
        )?;
        both(
            self.command_config.is_some(),
            self.producer_config.is_some(),
            "--command-config and --producer.config cannot be specified together.",
        )
    }

    fn properties(&self) -> anyhow::Result<Properties> {
        let warn = |old: &str, new: &str| {
            println!(
                "Option {old} has been deprecated and will be removed in a future version. Use {new} instead."
            );
        };
        if !self.producer_props.is_empty() {
            warn("--producer-props", "--command-property");
        }
        if self.producer_config.is_some() {
            warn("--producer.config", "--command-config");
        }
        let file = self.command_config.as_deref().or(self.producer_config.as_deref());
        let mut properties = session::properties_file(file)?;
        for pair in self.command_property.iter().chain(&self.producer_props) {
            let Some((key, value)) = pair.split_once('=').filter(|(_, value)| !value.contains('=')) else {
                anyhow::bail!("Invalid property: {pair}");
            };
            properties.insert(key.to_owned(), value.to_owned());
        }
        properties.entry("client.id".to_owned()).or_insert_with(|| "perf-producer-client".to_owned());
        if let Some(servers) = &self.bootstrap_server {
            properties.insert("bootstrap.servers".to_owned(), servers.clone());
        }
        if let Some(id) = &self.transactional_id {
            properties.insert(TRANSACTIONAL_ID.to_owned(), id.clone());
        } else if self.transaction_duration_ms.is_some() {
            let random = || super::storage::random_uuid(&klamm_io::Entropy::real());
            properties
                .entry(TRANSACTIONAL_ID.to_owned())
                .or_insert_with(|| format!("performance-producer-{}", random()));
        }
        Ok(properties)
    }

    /// How old a transaction gets; `None` without transactions.
    fn transaction_duration(&self, config: &ClientConfig) -> Option<Duration> {
        config.text(TRANSACTIONAL_ID).filter(|id| !id.is_empty())?;
        let ms = self.transaction_duration_ms.and_then(|ms| u64::try_from(ms).ok());
        Some(Duration::from_millis(ms.unwrap_or(3000)))
    }

    fn payloads(&self) -> anyhow::Result<Payloads> {
        let mut from_file = Vec::new();
        if let Some(path) = &self.payload_file {
            println!("Reading payloads from: {}", std::path::absolute(path)?.display());
            let text = std::fs::read_to_string(path).unwrap_or_default();
            if text.is_empty() {
                anyhow::bail!("File does not exist or empty file provided.");
            }
            let delimiter = if self.payload_delimiter == "\\n" { "\n" } else { &self.payload_delimiter };
            let text = text.strip_suffix(delimiter).unwrap_or(&text);
            from_file = text.split(delimiter).map(|part| Bytes::copy_from_slice(part.as_bytes())).collect();
            println!("Number of records read: {}", from_file.len());
        }
        let size = self.record_size.and_then(|size| usize::try_from(size).ok());
        Ok(Payloads { from_file, random: klamm_io::Entropy::seeded(0), size })
    }

    async fn measure(&self, config: &ClientConfig, payloads: Payloads) -> anyhow::Result<()> {
        let producer = Producer::new(config)?;
        let clock = producer.cluster().clock();
        let mut transactions = Transactions { duration: self.transaction_duration(config), began: None };
        transactions.initialize(&producer).await?;
        let warmup = self.warmup_records.max(0);
        if warmup > 0 {
            println!(
                "Warmup first {warmup} records. Steady state results will print after the complete test summary."
            );
        }
        let topic: Arc<str> = Arc::from(self.topic.as_str());
        let start = clock.now();
        let bar = progress::items(self.num_records.unsigned_abs(), "records");
        let stats = Stats::new(self.num_records, self.reporting_interval, false, start, bar.clone());
        let stats = Arc::new(Mutex::new(stats));
        let mut steady: Option<Arc<Mutex<Stats>>> = None;
        for number in 0..self.num_records {
            if number % BAR_STEP == 0 {
                bar.set_position(number.unsigned_abs());
            }
            let value = payloads.next(number);
            let size = value.len() as u64;
            transactions.begin(&producer)?;
            let sent = clock.now();
            if warmup > 0 && number == warmup {
                let left = self.num_records - warmup;
                let fresh = Stats::new(left, self.reporting_interval, true, sent, bar.clone());
                steady = Some(Arc::new(Mutex::new(fresh)));
                lock(&stats).suppress();
            }
            let (all, late) = (Arc::clone(&stats), steady.clone());
            let record =
                ProducerRecord { topic: Arc::clone(&topic), value: Some(value), ..Default::default() };
            let callback = move |result: Result<_, klamm_client::ClientError>| match result {
                Ok(_) => {
                    let now = clock.now();
                    let latency = (now - sent).as_millis() as u64;
                    lock(&all).record(latency, size, now);
                    if let Some(late) = &late {
                        lock(late).record(latency, size, now);
                    }
                }
                Err(error) => eprintln!("{error}"),
            };
            if let Err(error) = producer.send_with(record, callback).await {
                eprintln!("{error}");
                if let Some(remedy) = session::remedy(&error) {
                    eprintln!("{remedy}");
                }
            }
            transactions
                .commit_if(&producer, |began, duration| sent.saturating_since(began) >= duration)
                .await?;
            self.throttle(number, clock, start).await;
        }
        transactions.commit_if(&producer, |_, _| true).await?;
        producer.flush().await;
        bar.finish_and_clear();
        println!("{}", lock(&stats).total(clock.now()));
        if let Some(steady) = &steady {
            println!("{}", lock(steady).total(clock.now()));
        }
        if self.print_metrics {
            println!("{}", metrics::table(&producer.metrics()));
        }
        producer.close().await;
        Ok(())
    }

    /// Waits until the rate allows the next record.
    async fn throttle(&self, number: i64, clock: klamm_io::Clock, start: klamm_io::Instant) {
        if self.throughput <= 0.0 {
            return;
        }
        let due = Duration::try_from_secs_f64((number + 1) as f64 / self.throughput).unwrap_or(Duration::MAX);
        let spent = clock.now() - start;
        // Short waits are saved up: the timer is no finer than a millisecond.
        if due > spent + Duration::from_millis(2) {
            clock.sleep(due - spent).await;
        }
    }
}

/// The transactions that records are written in, if any.
struct Transactions {
    /// How old each gets.
    duration: Option<Duration>,
    /// When the open one began.
    began: Option<klamm_io::Instant>,
}

impl Transactions {
    async fn initialize(&self, producer: &Producer) -> anyhow::Result<()> {
        if self.duration.is_some() {
            producer.init_transactions().await?;
        }
        Ok(())
    }

    /// Sees to it that one is open.
    fn begin(&mut self, producer: &Producer) -> anyhow::Result<()> {
        if self.duration.is_some() && self.began.is_none() {
            producer.begin_transaction()?;
            self.began = Some(producer.cluster().clock().now());
        }
        Ok(())
    }

    /// Commits the open one if `is_due` says so of its begin and the duration.
    async fn commit_if(
        &mut self,
        producer: &Producer,
        is_due: impl Fn(klamm_io::Instant, Duration) -> bool,
    ) -> anyhow::Result<()> {
        if let (Some(duration), Some(began)) = (self.duration, self.began)
            && is_due(began, duration)
        {
            producer.commit_transaction().await?;
            self.began = None;
        }
        Ok(())
    }
}

fn lock(stats: &Mutex<Stats>) -> std::sync::MutexGuard<'_, Stats> {
    stats.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn contradictions_are_refused() {
        for (arguments, expect) in [
            (
                "--topic t --num-records 0 --record-size 1 --throughput -1 --bootstrap-server a:1",
                "--num-records should",
            ),
            (
                "--topic t --num-records 5 --record-size 0 --throughput -1 --bootstrap-server a:1",
                "--record-size should",
            ),
            (
                "--topic t --num-records 5 --record-size 1 --throughput -1",
                "At least one of --bootstrap-server",
            ),
            ("--topic t --num-records 5 --throughput -1 --bootstrap-server a:1", "one of the arguments"),
            (
                "--topic t --num-records 5 --record-size 1 --throughput -1 --producer-props a=b --command-property c=d",
                "--command-property and --producer-props",
            ),
        ] {
            let options =
                Options::try_parse_from(std::iter::once("x").chain(arguments.split_whitespace())).unwrap();
            let message = options.check().unwrap_err();
            assert!(message.starts_with(expect), "{arguments}: {message}");
        }
    }

    #[test]
    fn an_id_or_a_duration_make_transactions() {
        for (arguments, id, duration) in [
            ("", None, None),
            ("--transactional-id a", Some("a"), Some(3000)),
            ("--transaction-duration-ms 7", Some("performance-producer-"), Some(7)),
            ("--command-property transactional.id=b", Some("b"), Some(3000)),
            ("--command-property transactional.id=b --transactional-id a", Some("a"), Some(3000)),
        ] {
            let fixed = "x --bootstrap-server a:1 --topic t --num-records 5 --record-size 1 --throughput -1";
            let options =
                Options::try_parse_from(fixed.split_whitespace().chain(arguments.split_whitespace()))
                    .unwrap();
            options.check().unwrap();
            let config = ClientConfig::new(ClientKind::Producer, options.properties().unwrap()).unwrap();
            let found = config.text(TRANSACTIONAL_ID);
            assert_eq!(found.is_some(), id.is_some(), "{arguments}");
            assert!(found.unwrap_or_default().starts_with(id.unwrap_or_default()), "{arguments}: {found:?}");
            assert_eq!(
                options.transaction_duration(&config),
                duration.map(Duration::from_millis),
                "{arguments}"
            );
        }
    }

    #[test]
    fn several_properties_fit_behind_one_flag() {
        let arguments = "--topic t --num-records 5 --record-size 1 --throughput -1 --producer-props a=b c=d";
        let options =
            Options::try_parse_from(std::iter::once("x").chain(arguments.split_whitespace())).unwrap();
        let properties = options.properties().unwrap();
        assert_eq!((properties["a"].as_str(), properties["c"].as_str()), ("b", "d"));
    }
}
