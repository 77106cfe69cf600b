//! `klamm replica-verification` (kafka-replica-verification): reads all replicas of partitions side by side and says where
//! they differ.

mod buffer;

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use klamm_client::{
    ClientError, Cluster, TopicPartition,
    admin::{Admin, IsolationLevel, OffsetSpec, TopicDescription},
};
use klamm_protocol::{
    Records, StrBytes, Uuid,
    api::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic},
};

use self::buffer::{Fetched, ReplicaBuffer, Verdict};
use super::consumer_perf_test::date_format::DateFormat;
use crate::cli::Call;
use crate::commands::topics::TopicFilter;
use crate::{java, session};

/// The replica id of those who read from followers to look for faults.
const DEBUGGING_CONSUMER_ID: i32 = -2;
/// From this version on Fetch names its sender in another place.
const REPLICA_STATE_SINCE: i16 = 15;
/// A session epoch that asks for no session.
const FINAL_EPOCH: i32 = -1;
/// Before a broker that cannot be read is tried again.
const PAUSE: Duration = Duration::from_millis(200);

/// Reads all replicas of topics and says where their records differ. Runs until it is ended.
#[derive(clap::Parser)]
#[command(arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Brokers to connect to, as host:port,host:port.
    #[arg(long, value_name = "SERVERS")]
    broker_list: Option<String>,
    /// Bytes asked for of each partition at a time.
    #[arg(long, value_name = "BYTES", default_value_t = 1024 * 1024)]
    fetch_size: i32,
    /// How long a broker may wait for records, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 1000)]
    max_wait_ms: i32,
    /// Topics, as a regular expression.
    #[arg(long, value_name = "REGEX", default_value = ".*")]
    topics_include: String,
    /// Where to begin: the end (-1), the beginning (-2), or the first record of a time in milliseconds since 1970 or later.
    #[arg(long, value_name = "TIME", default_value_t = -1, allow_hyphen_values = true)]
    time: i64,
    /// Milliseconds between reports.
    #[arg(long, value_name = "MS", default_value_t = 30_000)]
    report_interval_ms: i64,
}

const EXAMPLES: &str = "Example:
  klamm replica-verification --broker-list localhost:9092 --topics-include orders --time -2";

pub(crate) fn run(call: &Call) -> anyhow::Result<ExitCode> {
    let options: Options = match call.parse() {
        Ok(options) => options,
        Err(status) => return Ok(status),
    };
    eprintln!("This tool is deprecated and may be removed in a future major release.");
    let Some(servers) = &options.broker_list else {
        return Ok(call.usage_error("Missing required argument \"[broker-list]\""));
    };
    if let Err(message) = check_servers(servers) {
        return Ok(call.usage_error(message));
    }
    let result = session::block_on(async {
        let admin = session::admin(servers, None)?;
        let result = options.verify(&admin).await;
        admin.close();
        result
    });
    match result {
        Ok(status) => Ok(status),
        Err(error) => {
            eprintln!("{}", java::exception_text(&error));
            if let Some(remedy) = session::remedy_of(&error) {
                eprintln!("{remedy}");
            }
            Ok(ExitCode::FAILURE)
        }
    }
}

fn check_servers(servers: &str) -> Result<(), &'static str> {
    if servers.trim().is_empty() {
        return Err("Error while validating the bootstrap address\n");
    }
    let has_port = |server: &str| {
        server.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
    };
    match servers.split(',').all(has_port) {
        true => Ok(()),
        false => Err("Please provide valid host:port like host1:9091,host2:9092\n"),
    }
}

/// The partitions of one broker.
struct Source {
    broker: i32,
    partitions: Vec<(TopicPartition, Uuid)>,
}

impl Options {
    async fn verify(&self, admin: &Admin) -> anyhow::Result<ExitCode> {
        let filter = TopicFilter::new(&self.topics_include)?;
        let names: Vec<String> = admin
            .list_topics(true)
            .await?
            .into_iter()
            .filter(|topic| filter.matches(&topic.name))
            .map(|topic| topic.name.to_string())
            .collect();
        if names.is_empty() {
            eprintln!(
                "No topics found. [topics-include] if specified, is either filtering out all topics or there is no topic."
            );
            return Ok(ExitCode::FAILURE);
        }
        let topics = admin.describe_topics(&names, 2000).await?;
        let sources = sources(&topics);
        let alive: BTreeSet<i32> =
            admin.describe_cluster(false).await?.brokers.iter().map(|broker| broker.id).collect();
        if let Some(gone) = sources.iter().find(|source| !alive.contains(&source.broker)) {
            bail!("broker {} is not up: all brokers have to be when the verification begins", gone.broker);
        }
        let clock = admin.cluster().clock();
        let offsets = self.first_offsets(admin, &topics).await?;
        let buffer = ReplicaBuffer::new(offsets, self.report_interval_ms, clock.wall_ms());
        let dates = DateFormat::new("yyyy-MM-dd HH:mm:ss,SSS")?;
        println!("{}: verification process is started", dates.text(clock.wall_ms()));
        self.run(admin.cluster(), &sources, buffer, &dates).await
    }

    /// Where the verification of each partition begins.
    async fn first_offsets(
        &self,
        admin: &Admin,
        topics: &[TopicDescription],
    ) -> anyhow::Result<BTreeMap<TopicPartition, i64>> {
        let spec = match self.time {
            -1 => OffsetSpec::Latest,
            -2 => OffsetSpec::Earliest,
            time => OffsetSpec::Timestamp(time),
        };
        let specs = partitions(topics).map(|(partition, ..)| (partition, spec)).collect();
        let mut offsets = BTreeMap::new();
        for (partition, listed) in admin.list_offsets(&specs, IsolationLevel::ReadUncommitted).await? {
            let offset = listed.with_context(|| format!("no offset of partition {partition}"))?.offset;
            if offset < 0 {
                bail!("partition {partition} has no record of the time {} or later", self.time);
            }
            offsets.insert(partition, offset);
        }
        Ok(offsets)
    }

    /// Reads from all brokers at a time, compares, and begins again.
    async fn run(
        &self,
        cluster: &Cluster,
        sources: &[Source],
        mut buffer: ReplicaBuffer,
        dates: &DateFormat,
    ) -> anyhow::Result<ExitCode> {
        let clock = cluster.clock();
        let mut silent = BTreeSet::new();
        loop {
            let offsets: BTreeMap<TopicPartition, i64> = buffer.offsets().cloned().collect();
            let wait = Duration::from_millis(self.max_wait_ms.max(0).unsigned_abs().into());
            let asked: Vec<_> = sources
                .iter()
                .map(|source| {
                    let request = self.request(source, &offsets);
                    tokio::spawn(ask(cluster.clone(), source.broker, request, wait))
                })
                .collect();
            let mut fetched: BTreeMap<TopicPartition, BTreeMap<i32, Fetched>> = BTreeMap::new();
            for (source, answer) in sources.iter().zip(asked) {
                let answer = match answer.await? {
                    Ok(answer) => {
                        silent.remove(&source.broker);
                        take(source, answer)
                    }
                    Err(error) => {
                        if silent.insert(source.broker) {
                            eprintln!("broker {} cannot be read; trying on: {error}", source.broker);
                        }
                        BTreeMap::new()
                    }
                };
                for (partition, _) in &source.partitions {
                    let nothing = Fetched { records: Bytes::new(), high_watermark: -1 };
                    let of_partition = answer.get(partition).cloned().unwrap_or(nothing);
                    fetched.entry(partition.clone()).or_default().insert(source.broker, of_partition);
                }
            }
            let now_ms = clock.wall_ms();
            let verdict =
                buffer.verify(&fetched, now_ms, |line| println!("{}: {line}", dates.text(now_ms)))?;
            if verdict == Verdict::Stop {
                return Ok(ExitCode::FAILURE);
            }
        }
    }

    fn request(&self, source: &Source, offsets: &BTreeMap<TopicPartition, i64>) -> FetchRequest {
        let mut topics: Vec<FetchTopic> = Vec::new();
        for (partition, id) in &source.partitions {
            let fetch = FetchPartition {
                partition: partition.partition,
                fetch_offset: offsets.get(partition).copied().unwrap_or(0),
                log_start_offset: 0,
                partition_max_bytes: self.fetch_size,
                ..Default::default()
            };
            match topics.last_mut().filter(|topic| *topic.topic == *partition.topic) {
                Some(topic) => topic.partitions.push(fetch),
                None => topics.push(FetchTopic {
                    topic: StrBytes::from(partition.topic.to_string()),
                    topic_id: *id,
                    partitions: vec![fetch],
                    ..Default::default()
                }),
            }
        }
        FetchRequest {
            max_wait_ms: self.max_wait_ms,
            min_bytes: 1,
            max_bytes: i32::MAX,
            session_epoch: FINAL_EPOCH,
            topics,
            ..Default::default()
        }
    }
}

/// What a broker has.
async fn ask(
    cluster: Cluster,
    broker: i32,
    mut request: FetchRequest,
    wait: Duration,
) -> Result<FetchResponse, ClientError> {
    let answer = async {
        let connection = cluster.connection(broker).await?;
        let version = connection.version_of::<FetchRequest>()?;
        if version < REPLICA_STATE_SINCE {
            request.replica_id = DEBUGGING_CONSUMER_ID;
        } else {
            request.replica_state.replica_id = DEBUGGING_CONSUMER_ID;
        }
        Ok::<_, ClientError>(connection.call_version(&request, version, wait).await?)
    };
    let answer = answer.await;
    if answer.is_err() {
        cluster.clock().sleep(PAUSE).await;
    }
    answer
}

/// Which broker has which partitions.
fn sources(topics: &[TopicDescription]) -> Vec<Source> {
    let mut sources: BTreeMap<i32, Vec<(TopicPartition, Uuid)>> = BTreeMap::new();
    for (partition, id, replicas) in partitions(topics) {
        for replica in replicas {
            sources.entry(*replica).or_default().push((partition.clone(), id));
        }
    }
    sources.into_iter().map(|(broker, partitions)| Source { broker, partitions }).collect()
}

fn partitions(topics: &[TopicDescription]) -> impl Iterator<Item = (TopicPartition, Uuid, &[i32])> {
    topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|partition| {
            let at = TopicPartition::new(topic.name.as_str(), partition.index);
            (at, topic.id, partition.replicas.as_slice())
        })
    })
}

/// The answer by partition. A partition that the broker refuses counts as one without records.
fn take(source: &Source, answer: FetchResponse) -> BTreeMap<TopicPartition, Fetched> {
    let mut fetched = BTreeMap::new();
    for topic in answer.responses {
        for partition in topic.partitions {
            let is_it = |(at, id): &&(TopicPartition, Uuid)| {
                at.partition == partition.partition_index
                    && (*id == topic.topic_id || *at.topic == *topic.topic)
            };
            let Some((at, _)) = source.partitions.iter().find(is_it) else { continue };
            let records = partition.records.as_ref().and_then(Records::bytes).cloned().unwrap_or_default();
            fetched.insert(at.clone(), Fetched { records, high_watermark: partition.high_watermark });
        }
    }
    fetched
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_have_ports() {
        for (servers, is_good) in
            [("a:1", true), ("a:1,[::1]:2", true), ("a", false), ("a:1,b", false), (" ", false)]
        {
            assert_eq!(check_servers(servers).is_ok(), is_good, "{servers}");
        }
    }
}
