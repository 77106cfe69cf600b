//! `klamm transactions` (kafka-transactions): what transactions are open, and how to end those that hang.

mod hanging;

use std::path::PathBuf;
use std::process::ExitCode;

use klamm_client::admin::{AbortSpec, Admin, ProducerState, TransactionFilter};
use klamm_client::{ClientError, TopicPartition};

use crate::cli::{Call, padded_table};
use crate::{java, session};

/// Shows transactions and producers, and ends transactions that hang.
#[derive(clap::Parser)]
#[command(arg_required_else_help = true)]
pub(crate) struct Options {
    /// Brokers to connect to, as host:port,host:port.
    #[arg(long, value_name = "SERVER", required = true)]
    bootstrap_server: String,
    /// Properties file for the admin client.
    #[arg(long, value_name = "FILE")]
    command_config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Lists transactions.
    List {
        /// Only those that have been open for longer than that, in ms; all if it is negative.
        #[arg(long, value_name = "MS", allow_negative_numbers = true)]
        duration_filter: Option<i64>,
        /// Only those whose transactional id matches this regular expression.
        #[arg(long, value_name = "REGEX")]
        transactional_id_pattern: Option<String>,
    },
    /// Describes the transaction of a transactional id.
    Describe {
        /// The transactional id.
        #[arg(long, value_name = "ID")]
        transactional_id: String,
    },
    /// Describes the producers that a partition knows.
    DescribeProducers {
        /// The replica to ask; the leader if it is left out.
        #[arg(long, value_name = "ID", allow_negative_numbers = true)]
        broker_id: Option<i32>,
        /// The partition's topic.
        #[arg(long)]
        topic: String,
        /// The partition's number.
        #[arg(long, value_name = "NUMBER")]
        partition: i32,
    },
    /// Aborts a hanging transaction on one partition.
    Abort(Abort),
    /// Finds transactions that are open on partitions, and that no coordinator knows of any more.
    FindHanging(hanging::Search),
    /// Ends whatever a transactional id has open.
    #[command(name = "forceTerminateTransaction")]
    ForceTerminate {
        /// The transactional id.
        #[arg(long = "transactionalId", value_name = "ID")]
        transactional_id: String,
    },
}

#[derive(clap::Args)]
struct Abort {
    /// The partition's topic.
    #[arg(long)]
    topic: String,
    /// The partition's number.
    #[arg(long, value_name = "NUMBER")]
    partition: i32,
    /// Where the transaction begins on the partition; enough for brokers from 3.0 on.
    #[arg(long, value_name = "OFFSET")]
    start_offset: Option<i64>,
    /// The producer's id, for older brokers.
    #[arg(long, value_name = "ID")]
    producer_id: Option<i64>,
    /// The producer's epoch, for older brokers.
    #[arg(long, value_name = "EPOCH")]
    producer_epoch: Option<i16>,
    /// The coordinator's epoch, for older brokers.
    #[arg(long, value_name = "EPOCH", allow_negative_numbers = true)]
    coordinator_epoch: Option<i32>,
}

/// What is said of a failure. Kafka's tool has one line for it.
fn failed(what: String) -> impl FnOnce(ClientError) -> anyhow::Error {
    move |error| anyhow::Error::from(error).context(what)
}

pub(crate) fn run(call: &Call) -> anyhow::Result<ExitCode> {
    let options: Options = match call.parse() {
        Ok(options) => options,
        Err(status) => return Ok(status),
    };
    if let Err(message) = options.command.check() {
        eprintln!("{message}");
        return Ok(ExitCode::FAILURE);
    }
    session::block_on(async {
        let admin = session::admin(&options.bootstrap_server, options.command_config.as_deref())?;
        let result = options.command.execute(&admin).await;
        admin.close();
        result
    })?;
    Ok(ExitCode::SUCCESS)
}

impl Command {
    fn check(&self) -> Result<(), &'static str> {
        match self {
            Self::FindHanging(search) => search.check(),
            Self::Abort(Abort { start_offset: None, producer_id: None, .. }) => Err(
                "The transaction to abort must be identified either with --start-offset (for brokers on 3.0 or above) or with --producer-id, --producer-epoch, and --coordinator-epoch (for older brokers)",
            ),
            Self::Abort(Abort { start_offset: None, producer_epoch: None, .. }) => {
                Err("Missing required argument --producer-epoch")
            }
            Self::Abort(Abort { start_offset: None, coordinator_epoch: None, .. }) => {
                Err("Missing required argument --coordinator-epoch")
            }
            _ => Ok(()),
        }
    }

    async fn execute(&self, admin: &Admin) -> anyhow::Result<()> {
        match self {
            Self::List { duration_filter, transactional_id_pattern } => {
                let filter = TransactionFilter {
                    duration_ms: *duration_filter,
                    transactional_id_pattern: transactional_id_pattern.clone(),
                    ..Default::default()
                };
                list(admin, &filter).await
            }
            Self::Describe { transactional_id } => describe(admin, transactional_id).await,
            Self::DescribeProducers { broker_id, topic, partition } => {
                let partition = TopicPartition::new(topic.as_str(), *partition);
                let at = broker_id.map_or_else(|| "leader".to_owned(), |id| format!("broker {id}"));
                let what = format!("Failed to describe producers for partition {partition} on {at}");
                let found = producers(admin, &partition, *broker_id).await.map_err(failed(what))?;
                print!("{}", producers_table(&found));
                Ok(())
            }
            Self::Abort(abort) => abort.execute(admin).await,
            Self::FindHanging(search) => search.execute(admin).await,
            Self::ForceTerminate { transactional_id } => {
                let what = format!("Failed to force terminate transactionalId `{transactional_id}`");
                let result = admin.force_terminate_transaction(transactional_id).await;
                result.map_err(failed(what))
            }
        }
    }
}

/// The producers that one partition knows.
async fn producers(
    admin: &Admin,
    partition: &TopicPartition,
    broker: Option<i32>,
) -> Result<Vec<ProducerState>, ClientError> {
    let mut found = admin.describe_producers(std::slice::from_ref(partition), broker).await?;
    found.remove(partition).unwrap_or_else(|| Ok(Vec::new()))
}

async fn list(admin: &Admin, filter: &TransactionFilter) -> anyhow::Result<()> {
    let what = "Failed to list transactions".to_owned();
    let listed = admin.list_transactions(filter).await.map_err(failed(what))?;
    let mut rows = vec![
        ["TransactionalId", "Coordinator", "ProducerId", "TransactionState"].map(str::to_owned).to_vec(),
    ];
    rows.extend(listed.into_iter().map(|transaction| {
        vec![
            transaction.transactional_id,
            transaction.coordinator.to_string(),
            transaction.producer_id.to_string(),
            transaction.state,
        ]
    }));
    print!("{}", padded_table(&rows));
    Ok(())
}

async fn describe(admin: &Admin, transactional_id: &str) -> anyhow::Result<()> {
    let what = format!("Failed to describe transaction state of transactional-id `{transactional_id}`");
    let found = admin.describe_transaction(transactional_id).await.map_err(failed(what))?;
    let headings = [
        "CoordinatorId",
        "TransactionalId",
        "ProducerId",
        "ProducerEpoch",
        "TransactionState",
        "TransactionTimeoutMs",
        "CurrentTransactionStartTimeMs",
        "TransactionDurationMs",
        "TopicPartitions",
    ];
    let or_none = |ms: Option<i64>| ms.map_or_else(|| "None".to_owned(), |ms| ms.to_string());
    let now = admin.cluster().clock().wall_ms();
    let partitions = java::partition_order(found.partitions.into_iter().collect(), |partition| partition);
    let partitions: Vec<String> = partitions.iter().map(ToString::to_string).collect();
    let row = vec![
        found.coordinator.to_string(),
        transactional_id.to_owned(),
        found.producer_id.to_string(),
        found.producer_epoch.to_string(),
        found.state,
        found.timeout_ms.to_string(),
        or_none(found.start_time_ms),
        or_none(found.start_time_ms.map(|start| now - start)),
        partitions.join(","),
    ];
    print!("{}", padded_table(&[headings.map(str::to_owned).to_vec(), row]));
    Ok(())
}

fn producers_table(producers: &[ProducerState]) -> String {
    let headings = [
        "ProducerId",
        "ProducerEpoch",
        "LatestCoordinatorEpoch",
        "LastSequence",
        "LastTimestamp",
        "CurrentTransactionStartOffset",
    ];
    let mut rows = vec![headings.map(str::to_owned).to_vec()];
    rows.extend(producers.iter().map(|producer| {
        let start = producer.current_txn_start_offset;
        vec![
            producer.producer_id.to_string(),
            producer.producer_epoch.to_string(),
            producer.coordinator_epoch.max(-1).to_string(),
            producer.last_sequence.to_string(),
            producer.last_timestamp.to_string(),
            if start < 0 { "None".to_owned() } else { start.to_string() },
        ]
    }));
    padded_table(&rows)
}

impl Abort {
    async fn execute(&self, admin: &Admin) -> anyhow::Result<()> {
        let partition = TopicPartition::new(self.topic.as_str(), self.partition);
        let spec = match self.start_offset {
            Some(start) => find(admin, partition, start).await?,
            None => AbortSpec {
                partition,
                producer_id: self.producer_id.unwrap_or(-1),
                producer_epoch: self.producer_epoch.unwrap_or(-1),
                // A transaction that no marker was ever written for has none: 0 is below any that can be.
                coordinator_epoch: self.coordinator_epoch.unwrap_or(0).max(0),
            },
        };
        let what = format!(
            "Failed to abort transaction AbortTransactionSpec(topicPartition={}, producerId={}, producerEpoch={}, coordinatorEpoch={})",
            spec.partition, spec.producer_id, spec.producer_epoch, spec.coordinator_epoch
        );
        admin.abort_transaction(&spec).await.map_err(failed(what))
    }
}

/// The transaction that begins there.
async fn find(admin: &Admin, partition: TopicPartition, start: i64) -> anyhow::Result<AbortSpec> {
    let what = format!("Failed to validate producer state for partition {partition}");
    let found = producers(admin, &partition, None).await.map_err(failed(what))?;
    let Some(producer) = found.iter().find(|producer| producer.current_txn_start_offset == start) else {
        anyhow::bail!(
            "Could not find any open transactions starting at offset {start} on partition {partition}"
        );
    };
    Ok(AbortSpec {
        partition,
        producer_id: producer.producer_id,
        producer_epoch: producer.producer_epoch as i16,
        coordinator_epoch: producer.coordinator_epoch.max(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[test]
    fn a_transaction_to_abort_has_to_be_named() {
        for (arguments, expect) in [
            ("abort --topic t --partition 0", Some("The transaction to abort must be identified")),
            ("abort --topic t --partition 0 --start-offset 5", None),
            (
                "abort --topic t --partition 0 --producer-id 5",
                Some("Missing required argument --producer-epoch"),
            ),
            ("abort --topic t --partition 0 --producer-id 5 --producer-epoch 1 --coordinator-epoch -1", None),
            ("find-hanging", Some("The `find-hanging` command requires either --topic or --broker-id")),
            ("find-hanging --broker-id 1 --partition 2", Some("The --partition argument requires --topic")),
        ] {
            let line = format!("x --bootstrap-server b {arguments}");
            let message = Options::parse_from(line.split_whitespace()).command.check().err();
            assert_eq!(message.is_some(), expect.is_some(), "{arguments}: {message:?}");
            assert!(message.unwrap_or_default().starts_with(expect.unwrap_or_default()), "{message:?}");
        }
    }

    #[test]
    fn producers_stand_in_columns() {
        let producer = ProducerState {
            producer_id: 7,
            producer_epoch: 1,
            last_sequence: 9,
            last_timestamp: 1000,
            coordinator_epoch: -1,
            current_txn_start_offset: -1,
            ..Default::default()
        };
        let text = producers_table(&[producer]);
        assert!(
            text.ends_with("\n7         \t1            \t-1                    \t9           \t1000         \tNone                         \t\n"),
            "{text:?}"
        );
    }
}
