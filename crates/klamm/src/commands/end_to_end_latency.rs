//! `klamm end-to-end-latency` (kafka-e2e-latency): writes a record, reads it back, and measures how long that takes.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use bytes::Bytes;
use klamm_client::{
    ClientConfig, ClientKind, TopicPartition,
    admin::{Admin, NewTopic, OffsetSpec},
    consumer::{Consumer, ConsumerRecord},
    producer::{Producer, ProducerRecord, RecordHeader},
};

use crate::cli::Call;
use crate::session;

/// Measures the time from writing a record to reading it, one record at a time.
#[derive(clap::Parser)]
#[command(arg_required_else_help = true)]
pub(crate) struct Options {
    /// Brokers to connect to, as host:port,host:port.
    #[arg(long, value_name = "SERVER")]
    bootstrap_server: String,
    /// The topic; created with one partition if it does not exist.
    #[arg(long)]
    topic: String,
    /// Number of records.
    #[arg(long, value_name = "COUNT", allow_hyphen_values = true)]
    num_records: i32,
    /// 1 or all.
    #[arg(long, value_name = "ACKS")]
    producer_acks: String,
    /// Bytes of each value.
    #[arg(long, value_name = "BYTES", allow_hyphen_values = true)]
    record_size: i32,
    /// Bytes of each key.
    #[arg(long, value_name = "BYTES", default_value_t = 0, allow_hyphen_values = true)]
    record_key_size: i32,
    /// Headers of each record.
    #[arg(long, value_name = "COUNT", default_value_t = 0, allow_hyphen_values = true)]
    num_headers: i32,
    /// Bytes of each header's key.
    #[arg(long, value_name = "BYTES", default_value_t = 0, allow_hyphen_values = true)]
    record_header_key_size: i32,
    /// Bytes of each header's value; -1 for null.
    #[arg(long, value_name = "BYTES", default_value_t = 0, allow_hyphen_values = true)]
    record_header_size: i32,
    /// Properties file of all clients.
    #[arg(long, value_name = "FILE")]
    command_config: Option<PathBuf>,
}

/// How long a record is waited for.
const POLL_TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) fn run(call: &Call) -> anyhow::Result<ExitCode> {
    let call = Call { program: call.program.clone(), arguments: with_names(&call.arguments) };
    let options: Options = match call.parse() {
        Ok(options) => options,
        Err(status) => return Ok(status),
    };
    if let Err(message) = options.check() {
        return Ok(call.usage_error(message));
    }
    session::block_on(options.measure())?;
    Ok(ExitCode::SUCCESS)
}

/// Takes the old form, five or six values without names.
fn with_names(arguments: &[std::ffi::OsString]) -> Vec<std::ffi::OsString> {
    const NAMES: [&str; 6] = [
        "--bootstrap-server",
        "--topic",
        "--num-records",
        "--producer-acks",
        "--record-size",
        "--command-config",
    ];
    let is_old =
        matches!(arguments.len(), 5 | 6) && !arguments.iter().any(|a| a.to_string_lossy().starts_with("--"));
    if !is_old {
        return arguments.to_vec();
    }
    println!(
        "WARNING: Positional argument usage is deprecated and will be removed in Apache Kafka 5.0. Please use named arguments instead: --bootstrap-server, --topic, --num-records, --producer-acks, --record-size, --command-config"
    );
    NAMES.iter().zip(arguments).flat_map(|(name, value)| [(*name).into(), value.clone()]).collect()
}

impl Options {
    const fn check(&self) -> Result<(), &'static str> {
        let acks = self.producer_acks.as_bytes();
        if !matches!(acks, b"1" | b"all") {
            return Err(
                "Invalid value for --producer-acks. Latency testing requires synchronous acknowledgement. Please use '1' or 'all'.",
            );
        }
        if self.num_records <= 0 {
            return Err("Value for --num-records must be a positive integer.");
        }
        if self.record_size < 0 {
            return Err("Value for --record-size must be a non-negative integer.");
        }
        if self.record_key_size < 0 {
            return Err("Value for --record-key-size must be a non-negative integer.");
        }
        if self.record_header_key_size < 0 {
            return Err("Value for --record-header-key-size must be a non-negative integer.");
        }
        if self.record_header_size < -1 {
            return Err(
                "Value for --record-header-size must be a non-negative integer or -1 for null header value.",
            );
        }
        if self.num_headers < 0 {
            return Err("Value for --num-headers must be a non-negative integer.");
        }
        Ok(())
    }

    fn config(&self, kind: ClientKind, more: &[(&str, String)]) -> anyhow::Result<ClientConfig> {
        let mut properties = session::properties_file(self.command_config.as_deref())?;
        properties.insert("bootstrap.servers".to_owned(), self.bootstrap_server.clone());
        properties.extend(more.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
        Ok(ClientConfig::new(kind, properties)?)
    }

    async fn measure(&self) -> anyhow::Result<()> {
        let admin = Admin::new(&self.config(ClientKind::Admin, &[])?)?;
        let clock = admin.cluster().clock();
        let partitions = self.partitions(&admin).await?;
        admin.close();
        let group = format!("test-group-{}", clock.wall_ms());
        let mut consumer = Consumer::new(&self.config(
            ClientKind::Consumer,
            &[
                ("group.id", group),
                ("enable.auto.commit", "false".to_owned()),
                ("auto.offset.reset", "latest".to_owned()),
                ("fetch.max.wait.ms", "0".to_owned()),
            ],
        )?)?;
        let producer = Producer::new(&self.config(
            ClientKind::Producer,
            &[("linger.ms", "0".to_owned()), ("acks", self.producer_acks.clone())],
        )?)?;
        consumer.assign(partitions.iter().cloned());
        for partition in &partitions {
            consumer.seek_to(partition, OffsetSpec::Latest)?;
        }
        for partition in &partitions {
            consumer.position(partition).await?;
        }
        let entropy = klamm_io::Entropy::seeded(0);
        let mut total = Duration::ZERO;
        let mut latencies = Vec::new();
        for number in 0..self.num_records {
            let record = self.record(&entropy);
            let sent = record.clone();
            let begin = clock.now();
            producer.send(record).await?.await?;
            let records = consumer.poll(POLL_TIMEOUT).await?;
            let elapsed = clock.now() - begin;
            check_record(&sent, &records)?;
            if number % 1000 == 0 {
                println!("{number}\t{}", elapsed.as_nanos() as f64 / 1_000_000.0);
            }
            total += elapsed;
            latencies.push(elapsed.as_millis());
        }
        println!(
            "Avg latency: {:.4} ms",
            total.as_nanos() as f64 / f64::from(self.num_records) / 1_000_000.0
        );
        latencies.sort_unstable();
        let at = |share: f64| latencies[(latencies.len() as f64 * share) as usize];
        println!("Percentiles: 50th = {}, 99th = {}, 99.9th = {}", at(0.5), at(0.99), at(0.999));
        consumer.commit().await?;
        producer.close().await;
        consumer.close().await;
        Ok(())
    }

    async fn partitions(&self, admin: &Admin) -> anyhow::Result<Vec<TopicPartition>> {
        if !admin.list_topics(true).await?.iter().any(|topic| *topic.name == *self.topic) {
            println!(
                "Topic \"{}\" does not exist. Will create topic with 1 partition(s) and replication factor = 1",
                self.topic
            );
            let topic = NewTopic {
                name: self.topic.clone(),
                partitions: Some(1),
                replication_factor: Some(1),
                ..Default::default()
            };
            for (_, result) in admin.create_topics(&[topic], false).await? {
                result?;
            }
        }
        let name: Arc<str> = Arc::from(self.topic.as_str());
        let topic = admin.cluster().wait_for_topic(&name, false, admin.cluster().api_timeout()).await?;
        Ok(topic.partitions.iter().map(|p| TopicPartition::new(Arc::clone(&name), p.index)).collect())
    }

    fn record(&self, entropy: &klamm_io::Entropy) -> ProducerRecord {
        let letters = |size: i32| {
            let size = usize::try_from(size).unwrap_or(0);
            Bytes::from(vec![b'A' + entropy.below(26) as u8; size])
        };
        ProducerRecord {
            topic: Arc::from(self.topic.as_str()),
            key: Some(letters(self.record_key_size)),
            value: Some(letters(self.record_size)),
            headers: (0..self.num_headers)
                .map(|_| RecordHeader {
                    key: letters(self.record_header_key_size),
                    value: (self.record_header_size >= 0).then(|| letters(self.record_header_size)),
                })
                .collect(),
            ..Default::default()
        }
    }
}

fn check_record(sent: &ProducerRecord, records: &[ConsumerRecord]) -> anyhow::Result<()> {
    let text = |bytes: &Option<Bytes>| {
        bytes.as_ref().map_or("null".into(), |b| String::from_utf8_lossy(b).into_owned())
    };
    let Some(read) = records.first() else {
        bail!("poll() timed out before finding a result (timeout:[{}ms])", POLL_TIMEOUT.as_millis());
    };
    for (what, sent, read) in [("value", &sent.value, &read.value), ("key", &sent.key, &read.key)] {
        if sent != read {
            bail!(
                "The message {what} read [{}] did not match the message {what} sent [{}]",
                text(read),
                text(sent)
            );
        }
    }
    if sent.headers != read.headers {
        bail!("The message headers read did not match the message headers sent");
    }
    if records.len() != 1 {
        bail!("Only one result was expected during this test. We found [{}]", records.len());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_form_gets_names() {
        let old: Vec<std::ffi::OsString> = ["a:1", "t", "5", "1", "10"].map(Into::into).to_vec();
        let new = with_names(&old);
        assert_eq!(new.len(), 10);
        assert_eq!(new[8], "--record-size");
        assert_eq!(with_names(&new), new);
    }
}
