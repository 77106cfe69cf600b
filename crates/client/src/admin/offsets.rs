//! Offsets of partitions, and deleting records below one.

use std::collections::BTreeMap;

use klamm_protocol::{
    ErrorCode, StrBytes,
    api::{
        delete_records::{DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic},
        list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic},
    },
};

use super::Admin;
use crate::{
    ClientError, TopicPartition,
    cluster::{Cluster, TopicSelection},
};

/// Which offset of a partition is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetSpec {
    /// The first.
    Earliest,
    /// The one that the next record gets (or, reading committed, the last stable offset).
    Latest,
    /// The one of the record with the highest timestamp (KIP-734).
    MaxTimestamp,
    /// The first on the broker's own disk (KIP-405).
    EarliestLocal,
    /// The last in tiered storage (KIP-1005).
    LatestTiered,
    /// The first that is not in tiered storage yet (KIP-1023).
    EarliestPendingUpload,
    /// That of the first record with this timestamp or a later one, in milliseconds since 1970.
    Timestamp(i64),
}

impl OffsetSpec {
    /// The number that stands for it in a request.
    pub const fn timestamp(self) -> i64 {
        match self {
            Self::Earliest => -2,
            Self::Latest => -1,
            Self::MaxTimestamp => -3,
            Self::EarliestLocal => -4,
            Self::LatestTiered => -5,
            Self::EarliestPendingUpload => -6,
            Self::Timestamp(at) => at,
        }
    }

    /// The lowest version of ListOffsets that knows it.
    const fn version_min(self) -> i16 {
        match self {
            Self::MaxTimestamp => 7,
            Self::EarliestLocal => 8,
            Self::LatestTiered => 9,
            Self::EarliestPendingUpload => 11,
            _ => 1,
        }
    }
}

/// What a reader is shown of transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IsolationLevel {
    /// All records.
    #[default]
    ReadUncommitted,
    /// Only those of committed transactions, up to the first open one.
    ReadCommitted,
}

impl IsolationLevel {
    /// The number that stands for it in a request.
    pub const fn id(self) -> i8 {
        match self {
            Self::ReadUncommitted => 0,
            Self::ReadCommitted => 1,
        }
    }
}

/// An offset that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedOffset {
    /// The offset; -1 if there is none (no record is that young).
    pub offset: i64,
    /// The record's timestamp; -1 for earliest and latest.
    pub timestamp: i64,
    /// The leader epoch of the record; -1 if unknown.
    pub leader_epoch: i32,
}

/// What became of each partition.
pub type ByPartition<T> = BTreeMap<TopicPartition, Result<T, ClientError>>;

impl Admin {
    /// Finds offsets, asking each partition's leader.
    ///
    /// # Errors
    /// If no broker answers; what became of each partition is in the map.
    pub async fn list_offsets(
        &self,
        specs: &BTreeMap<TopicPartition, OffsetSpec>,
        isolation: IsolationLevel,
    ) -> Result<ByPartition<ListedOffset>, ClientError> {
        list_offsets(&self.cluster, specs, isolation, self.cluster.api_timeout()).await
    }

    /// Deletes the records below an offset (-1: all); gives the new first offset.
    ///
    /// # Errors
    /// If no broker answers; what became of each partition is in the map.
    pub async fn delete_records(
        &self,
        before: &BTreeMap<TopicPartition, i64>,
    ) -> Result<ByPartition<i64>, ClientError> {
        let mut pending = before.clone();
        let mut results = ByPartition::new();
        let attempt = |pending: BTreeMap<TopicPartition, i64>| async move {
            let (by_leader, mut found) = by_leader(&self.cluster, &pending).await?;
            for (node, partitions) in by_leader {
                let request = DeleteRecordsRequest {
                    topics: by_topic(&partitions, |partition_index, offset| DeleteRecordsPartition {
                        partition_index,
                        offset,
                        ..Default::default()
                    })
                    .map(|(name, partitions)| DeleteRecordsTopic { name, partitions, ..Default::default() })
                    .collect(),
                    timeout_ms: self.timeout_ms(),
                    ..Default::default()
                };
                let answer = self.cluster.call_node(node, &request).await?;
                for topic in answer.topics {
                    for partition in topic.partitions {
                        let key = TopicPartition::new(&*topic.name, partition.partition_index);
                        let result =
                            ClientError::check(partition.error_code, None).map(|()| partition.low_watermark);
                        found.insert(key, result);
                    }
                }
            }
            Ok(found)
        };
        per_partition(&self.cluster, "deleting records", &mut pending, &mut results, attempt).await?;
        Ok(results)
    }
}

/// Finds offsets for admin client and consumer alike.
pub(crate) async fn list_offsets(
    cluster: &Cluster,
    specs: &BTreeMap<TopicPartition, OffsetSpec>,
    isolation: IsolationLevel,
    limit: std::time::Duration,
) -> Result<ByPartition<ListedOffset>, ClientError> {
    let mut pending = specs.clone();
    let mut results = ByPartition::new();
    let attempt = |pending: BTreeMap<TopicPartition, OffsetSpec>| async move {
        let (by_leader, mut found) = by_leader(cluster, &pending).await?;
        for (node, partitions) in by_leader {
            let specs: Vec<_> = partitions.into_iter().map(|(key, spec)| (key, (spec, -1))).collect();
            found.extend(list_offsets_at(cluster, node, &specs, isolation, limit).await?);
        }
        Ok(found)
    };
    per_partition_within(cluster, limit, "listing offsets", &mut pending, &mut results, attempt).await?;
    Ok(results)
}

/// Asks one leader for offsets of its partitions, once. It refuses if it does not lead in the epoch that is given; with
/// -1 it does not look (KIP-320).
pub(crate) async fn list_offsets_at(
    cluster: &Cluster,
    node: i32,
    specs: &[(TopicPartition, (OffsetSpec, i32))],
    isolation: IsolationLevel,
    limit: std::time::Duration,
) -> Result<ByPartition<ListedOffset>, ClientError> {
    let connection = cluster.connection(node).await?;
    let version = connection.version_of::<ListOffsetsRequest>()?;
    if specs.iter().any(|(_, (spec, _))| version < spec.version_min()) {
        let error = klamm_net::client::ConnectionError::UnsupportedVersion {
            address: connection.address().to_owned(),
            api: "this kind of offset in ListOffsets",
        };
        return Err(error.into());
    }
    let request = ListOffsetsRequest {
        replica_id: -1,
        isolation_level: isolation.id(),
        topics: by_topic(specs, |partition_index, (spec, current_leader_epoch)| ListOffsetsPartition {
            partition_index,
            current_leader_epoch,
            timestamp: spec.timestamp(),
            ..Default::default()
        })
        .map(|(name, partitions)| ListOffsetsTopic { name, partitions, ..Default::default() })
        .collect(),
        timeout_ms: i32::try_from(limit.as_millis()).unwrap_or(i32::MAX),
        ..Default::default()
    };
    let answer = connection.call_version(&request, version, std::time::Duration::ZERO).await?;
    let mut found = ByPartition::new();
    for topic in answer.topics {
        for partition in topic.partitions {
            let key = TopicPartition::new(&*topic.name, partition.partition_index);
            let result = ClientError::check(partition.error_code, None).map(|()| ListedOffset {
                offset: partition.offset,
                timestamp: partition.timestamp,
                leader_epoch: partition.leader_epoch,
            });
            found.insert(key, result);
        }
    }
    Ok(found)
}

async fn per_partition<V: Copy, T, F: Future<Output = Result<ByPartition<T>, ClientError>>>(
    cluster: &Cluster,
    doing: &str,
    pending: &mut BTreeMap<TopicPartition, V>,
    results: &mut ByPartition<T>,
    attempt: impl Fn(BTreeMap<TopicPartition, V>) -> F,
) -> Result<(), ClientError> {
    per_partition_within(cluster, cluster.api_timeout(), doing, pending, results, attempt).await
}

/// Repeats `attempt` for the partitions that have no final answer yet. When time runs out each of them keeps its last
/// error.
async fn per_partition_within<V: Copy, T, F: Future<Output = Result<ByPartition<T>, ClientError>>>(
    cluster: &Cluster,
    limit: std::time::Duration,
    doing: &str,
    pending: &mut BTreeMap<TopicPartition, V>,
    results: &mut ByPartition<T>,
    attempt: impl Fn(BTreeMap<TopicPartition, V>) -> F,
) -> Result<(), ClientError> {
    let start = cluster.clock().now();
    let mut failures = 0;
    while !pending.is_empty() {
        let left = limit.saturating_sub(cluster.clock().now() - start);
        let found = cluster.retrying(doing, left, || attempt(pending.clone())).await?;
        let mut last = None;
        for (partition, result) in found {
            match &result {
                Err(error) if error.is_retriable() => last = Some(error.clone()),
                _ => {
                    pending.remove(&partition);
                }
            }
            results.insert(partition, result);
        }
        if pending.is_empty() {
            break;
        }
        let pause = cluster.backoff().pause(failures, cluster.entropy());
        if cluster.clock().now() - start + pause >= limit {
            let cause = last.map(Box::new);
            let error = ClientError::TimedOut { doing: doing.to_owned(), after: limit, cause };
            for partition in pending.keys() {
                results.insert(partition.clone(), Err(error.clone()));
            }
            break;
        }
        failures += 1;
        cluster.clock().sleep(pause).await;
        let topics: Vec<_> =
            pending.keys().map(|partition| std::sync::Arc::clone(&partition.topic)).collect();
        let _ = cluster.refresh(TopicSelection::Names(&topics, false)).await;
    }
    Ok(())
}

/// Partitions by their leaders.
pub(super) type ByLeader<V> = BTreeMap<i32, Vec<(TopicPartition, V)>>;

/// Sorts partitions by leader; those without one have their error in the second map.
pub(super) async fn by_leader<V: Copy, T>(
    cluster: &Cluster,
    items: &BTreeMap<TopicPartition, V>,
) -> Result<(ByLeader<V>, ByPartition<T>), ClientError> {
    let metadata = cluster.metadata();
    let mut unknown: Vec<std::sync::Arc<str>> = items
        .keys()
        .filter(|key| metadata.leader(&key.topic, key.partition).is_none())
        .map(|key| std::sync::Arc::clone(&key.topic))
        .collect();
    unknown.dedup();
    let metadata = if unknown.is_empty() {
        metadata
    } else {
        cluster.refresh(TopicSelection::Names(&unknown, false)).await?
    };
    let mut by_leader = ByLeader::new();
    let mut errors = ByPartition::new();
    for (key, value) in items {
        match metadata.leader(&key.topic, key.partition) {
            Some((leader, _)) => by_leader.entry(leader).or_default().push((key.clone(), *value)),
            None => {
                let topic = metadata.topics.get(&key.topic);
                let code = match topic {
                    Some(topic) if topic.error != ErrorCode::None => topic.error,
                    Some(topic) if topic.partition(key.partition).is_some() => ErrorCode::LeaderNotAvailable,
                    _ => ErrorCode::UnknownTopicOrPartition,
                };
                errors.insert(key.clone(), Err(ClientError::Broker { code, message: None }));
            }
        }
    }
    Ok((by_leader, errors))
}

/// Groups partitions of sorted topics for a request.
fn by_topic<V: Copy, P>(
    items: &[(TopicPartition, V)],
    make: impl Fn(i32, V) -> P,
) -> impl Iterator<Item = (StrBytes, Vec<P>)> {
    let mut topics: BTreeMap<StrBytes, Vec<P>> = BTreeMap::new();
    for (key, value) in items {
        let name = StrBytes::from(key.topic.to_string());
        topics.entry(name).or_default().push(make(key.partition, *value));
    }
    topics.into_iter()
}
