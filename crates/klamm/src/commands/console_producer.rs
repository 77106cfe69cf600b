//! `klamm console-producer` (kafka-console-producer): writes each line of standard input as a record.

mod line_reader;

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use klamm_client::{ClientConfig, ClientKind, producer::Producer};

use crate::cli::Call;
use crate::session::{self, Properties};
use line_reader::LineReader;

/// Reads lines from standard input and writes each as a record.
#[derive(clap::Parser)]
#[command(arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Options {
    /// The topic to write to.
    #[arg(long)]
    topic: Option<String>,
    /// Brokers to connect to, as host:port,host:port.
    #[arg(long, value_name = "SERVER")]
    bootstrap_server: Option<String>,
    /// Waits for the acknowledgement of each record before the next.
    #[arg(long)]
    sync: bool,
    /// Compresses batches: none, gzip, snappy, lz4 or zstd; gzip if no codec is named.
    #[arg(long, value_name = "CODEC", num_args = 0..=1, default_missing_value = "gzip")]
    compression_codec: Option<String>,
    /// batch.size: bytes of one batch. [default: 16384]
    #[arg(long, value_name = "BYTES")]
    batch_size: Option<i32>,
    /// retries: attempts after the first. [default: 3]
    #[arg(long, value_name = "COUNT")]
    message_send_max_retries: Option<i32>,
    /// retry.backoff.ms: pause between attempts. [default: 100]
    #[arg(long, value_name = "MS")]
    retry_backoff_ms: Option<i64>,
    /// linger.ms: how long a record waits for company. [default: 1000]
    #[arg(long, value_name = "MS")]
    timeout: Option<i64>,
    /// acks: 0, 1 or all (-1). [default: -1]
    #[arg(long, value_name = "ACKS", allow_hyphen_values = true)]
    request_required_acks: Option<String>,
    /// request.timeout.ms: how long an answer is waited for. [default: 1500]
    #[arg(long, value_name = "MS")]
    request_timeout_ms: Option<i32>,
    /// metadata.max.age.ms: age at which metadata is asked for again. [default: 300000]
    #[arg(long, value_name = "MS")]
    metadata_expiry_ms: Option<i64>,
    /// max.block.ms: how long a record may wait for metadata and room. [default: 60000]
    #[arg(long, value_name = "MS")]
    max_block_ms: Option<i64>,
    /// buffer.memory: bytes that may wait to be sent. [default: 33554432]
    #[arg(long, value_name = "BYTES")]
    max_memory_bytes: Option<i64>,
    /// Deprecated: use --batch-size.
    #[arg(long, value_name = "BYTES", hide = true)]
    max_partition_memory_bytes: Option<i32>,
    /// send.buffer.bytes: the socket's send buffer. [default: 102400]
    #[arg(long, value_name = "BYTES")]
    socket_buffer_size: Option<i32>,
    /// Java class that reads records; only Kafka's LineMessageReader is known.
    #[arg(long, value_name = "CLASS", hide = true)]
    line_reader: Option<String>,
    /// How lines are read: parse.key, key.separator (tab), parse.headers, headers.delimiter (tab), headers.separator
    /// (comma), headers.key.separator (colon), null.marker, ignore.error. Lines with all parts are
    /// `h1:v1,h2:v2<tab>key<tab>value`.
    #[arg(long, value_name = "KEY=VALUE")]
    reader_property: Vec<String>,
    /// Properties file for how lines are read.
    #[arg(long, value_name = "FILE")]
    reader_config: Option<PathBuf>,
    /// Deprecated: use --reader-property.
    #[arg(long, value_name = "KEY=VALUE", hide = true)]
    property: Vec<String>,
    /// Configuration of the producer; over --command-config.
    #[arg(long, value_name = "KEY=VALUE")]
    command_property: Vec<String>,
    /// Properties file of the producer.
    #[arg(long, value_name = "FILE")]
    command_config: Option<PathBuf>,
    /// Deprecated: use --command-property.
    #[arg(long, value_name = "KEY=VALUE", hide = true)]
    producer_property: Vec<String>,
    /// Deprecated: use --command-config.
    #[arg(long = "producer.config", value_name = "FILE", hide = true)]
    producer_config: Option<PathBuf>,
}

const EXAMPLES: &str = "Examples:
  klamm console-producer --bootstrap-server localhost:9092 --topic orders
  echo 'k1:v1' | klamm console-producer --bootstrap-server localhost:9092 --topic orders \\
      --reader-property parse.key=true --reader-property key.separator=:";

pub(crate) fn run(call: &Call) -> anyhow::Result<ExitCode> {
    let mut options: Options = match call.parse() {
        Ok(options) => options,
        Err(status) => return Ok(status),
    };
    if let Err(message) = options.settle() {
        return Ok(call.usage_error(&message));
    }
    let reader = match options.reader() {
        Ok(reader) => reader,
        Err(error) => return Ok(call.usage_error(&format!("{error:#}"))),
    };
    let config = ClientConfig::new(ClientKind::Producer, options.properties()?)?;
    session::block_on(async {
        let producer = Producer::new(&config)?;
        let result = pump(&producer, reader, options.sync).await;
        producer.close().await;
        result
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Reads lines in a thread of its own, so that batches go out while the next line is awaited.
async fn pump(producer: &Producer, mut reader: LineReader, sync: bool) -> anyhow::Result<()> {
    let (lines, mut incoming) = tokio::sync::mpsc::channel::<std::io::Result<String>>(1024);
    tokio::task::spawn_blocking(move || {
        let prompt = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
        let mut input = std::io::stdin().lock();
        loop {
            if prompt {
                print!(">");
                let _ = std::io::stdout().flush();
            }
            let mut bytes = Vec::new();
            let line = match input.read_until(b'\n', &mut bytes) {
                Ok(0) => return,
                Ok(_) => Ok(line_reader::line_of(&bytes)),
                Err(error) => Err(error),
            };
            if lines.blocking_send(line).is_err() {
                return;
            }
        }
    });
    loop {
        let line = tokio::select! {
            line = incoming.recv() => line,
            _ = tokio::signal::ctrl_c() => None,
        };
        let Some(line) = line else { return Ok(()) };
        let record = reader.record(&line?)?;
        if sync {
            producer.send(record).await?.await?;
        } else {
            let (key, value) = (record.key.clone(), record.value.clone());
            let topic = record.topic.to_string();
            let failed = move |error: &klamm_client::ClientError| {
                let size = |bytes: &Option<bytes::Bytes>| {
                    bytes.as_ref().map_or_else(|| "null".to_owned(), |b| format!("{} bytes", b.len()))
                };
                eprintln!(
                    "Error when sending message to topic {topic} with key: {}, value: {} with error: {error}",
                    size(&key),
                    size(&value)
                );
                if let Some(remedy) = session::remedy(error) {
                    eprintln!("{remedy}");
                }
            };
            let on_refusal = failed.clone();
            let sent = producer
                .send_with(record, move |result| {
                    if let Err(error) = result {
                        failed(&error);
                    }
                })
                .await;
            if let Err(error) = sent {
                on_refusal(&error);
            }
        }
    }
}

impl Options {
    /// Checks what belongs together and takes over the deprecated names.
    fn settle(&mut self) -> Result<(), String> {
        if self.topic.is_none() {
            return Err("Missing required argument \"[topic]\"".to_owned());
        }
        for (new, old, message) in [
            (
                self.command_config.is_some(),
                self.producer_config.is_some(),
                "Options --command-config and --producer.config cannot be specified together.",
            ),
            (
                !self.command_property.is_empty(),
                !self.producer_property.is_empty(),
                "Options --command-property and --producer-property cannot be specified together.",
            ),
            (
                !self.reader_property.is_empty(),
                !self.property.is_empty(),
                "Options --reader-property and --property cannot be specified together.",
            ),
        ] {
            if new && old {
                return Err(message.to_owned());
            }
        }
        let warn = |old: &str, new: &str| {
            println!(
                "Warning: {old} is deprecated and will be removed in a future version. Use {new} instead."
            );
        };
        if !self.producer_property.is_empty() {
            warn("--producer-property", "--command-property");
            self.command_property = std::mem::take(&mut self.producer_property);
        }
        if self.producer_config.is_some() {
            warn("--producer.config", "--command-config");
            self.command_config = self.producer_config.take();
        }
        if !self.property.is_empty() {
            warn("--property", "--reader-property");
            self.reader_property = std::mem::take(&mut self.property);
        }
        if self.max_partition_memory_bytes.is_some() {
            println!(
                "Warning: --max-partition-memory-bytes is deprecated and will be removed in Apache Kafka 5.0. Use --batch-size instead."
            );
        }
        match self.bootstrap_server.as_deref().map(str::trim) {
            None | Some("") => Err("Error while validating the bootstrap address\n".to_owned()),
            Some(servers) if servers.split(',').all(has_port) => Ok(()),
            Some(_) => Err("Please provide valid host:port like host1:9091,host2:9092\n".to_owned()),
        }
    }

    fn reader(&self) -> anyhow::Result<LineReader> {
        if let Some(class) =
            self.line_reader.as_deref().filter(|class| !class.ends_with(".LineMessageReader"))
        {
            anyhow::bail!(
                "--line-reader {class}: Java classes cannot be loaded; only Kafka's LineMessageReader is known"
            );
        }
        let mut properties = session::properties_file(self.reader_config.as_deref())?;
        properties.extend(session::key_values(&self.reader_property));
        LineReader::new(self.topic.as_deref().unwrap_or_default(), &properties)
    }

    fn properties(&self) -> anyhow::Result<Properties> {
        let mut properties = session::properties_file(self.command_config.as_deref())?;
        properties.extend(session::key_values(&self.command_property));
        let bootstrap = self.bootstrap_server.clone().unwrap_or_default();
        properties.insert("bootstrap.servers".to_owned(), bootstrap);
        let codec = self.compression_codec.clone().unwrap_or_else(|| "none".to_owned());
        properties.insert("compression.type".to_owned(), codec);
        properties.entry("client.id".to_owned()).or_insert_with(|| "console-producer".to_owned());
        // A flag wins over the file, the file over the flag's default.
        let mut merge = |key: &str, given: Option<String>, default: &str| match given {
            Some(value) => drop(properties.insert(key.to_owned(), value)),
            None => drop(properties.entry(key.to_owned()).or_insert_with(|| default.to_owned())),
        };
        let int = |value: Option<i32>| value.map(|value| value.to_string());
        let long = |value: Option<i64>| value.map(|value| value.to_string());
        merge("linger.ms", long(self.timeout), "1000");
        merge("acks", self.request_required_acks.clone(), "-1");
        merge("request.timeout.ms", int(self.request_timeout_ms), "1500");
        merge("retries", int(self.message_send_max_retries), "3");
        merge("retry.backoff.ms", long(self.retry_backoff_ms), "100");
        merge("send.buffer.bytes", int(self.socket_buffer_size), "102400");
        merge("buffer.memory", long(self.max_memory_bytes), "33554432");
        merge("batch.size", int(self.max_partition_memory_bytes.or(self.batch_size)), "16384");
        merge("metadata.max.age.ms", long(self.metadata_expiry_ms), "300000");
        merge("max.block.ms", long(self.max_block_ms), "60000");
        Ok(properties)
    }
}

fn has_port(server: &str) -> bool {
    server.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn parse(arguments: &str) -> Options {
        Options::try_parse_from(std::iter::once("x").chain(arguments.split_whitespace())).unwrap()
    }

    #[test]
    fn flags_become_configuration() {
        for (arguments, key, expect) in [
            ("--topic t --bootstrap-server a:1", "linger.ms", "1000"),
            ("--topic t --bootstrap-server a:1 --timeout 5", "linger.ms", "5"),
            ("--topic t --bootstrap-server a:1 --command-property linger.ms=7", "linger.ms", "7"),
            ("--topic t --bootstrap-server a:1 --command-property linger.ms=7 --timeout 5", "linger.ms", "5"),
            ("--topic t --bootstrap-server a:1 --compression-codec", "compression.type", "gzip"),
            ("--topic t --bootstrap-server a:1 --compression-codec zstd", "compression.type", "zstd"),
            ("--topic t --bootstrap-server a:1 --request-required-acks -1", "acks", "-1"),
            ("--topic t --bootstrap-server a:1", "client.id", "console-producer"),
        ] {
            assert_eq!(parse(arguments).properties().unwrap()[key], expect, "{arguments}");
        }
    }

    #[test]
    fn contradictions_are_refused() {
        for (arguments, expect) in [
            ("--bootstrap-server a:1", "Missing required argument \"[topic]\""),
            ("--topic t", "Error while validating the bootstrap address\n"),
            ("--topic t --bootstrap-server a", "Please provide valid host:port like host1:9091,host2:9092\n"),
            (
                "--topic t --bootstrap-server a:1 --property a=b --reader-property c=d",
                "Options --reader-property and --property cannot be specified together.",
            ),
        ] {
            assert_eq!(parse(arguments).settle(), Err(expect.to_owned()), "{arguments}");
        }
    }
}
