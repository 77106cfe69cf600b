//! Committed offsets: committing and asking for them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use klamm_protocol::{
    ErrorCode, StrBytes, Uuid,
    api::{
        offset_commit::{OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic},
        offset_fetch::{
            OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
            OffsetFetchResponse,
        },
    },
};

use super::group::{self, Identity};
use crate::{
    ClientError, TopicPartition,
    cluster::{Cluster, CoordinatorKind, TopicSelection},
};

/// An offset with what was committed beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetAndMetadata {
    /// The offset of the next record to read.
    pub offset: i64,
    /// The epoch of the last record that was read; -1 if unknown.
    pub leader_epoch: i32,
    /// Free text.
    pub metadata: String,
}

impl OffsetAndMetadata {
    /// An offset with nothing beside it.
    pub const fn new(offset: i64) -> Self {
        Self { offset, leader_epoch: -1, metadata: String::new() }
    }
}

/// The last versions that name topics rather than giving their ids.
const COMMIT_WITH_NAMES: i16 = 9;
const FETCH_WITH_NAMES: i16 = 9;
/// From this version on members of consumer groups say who they are (KIP-848).
const FETCH_WITH_MEMBER: i16 = 9;

/// How often, and after which pause, a commit is repeated whose member epoch is an old one.
const STALE_WAITS: u32 = 50;
const STALE_PAUSE: std::time::Duration = std::time::Duration::from_millis(100);

/// Topic ids by name, and whether all are known.
async fn topic_ids(
    cluster: &Cluster,
    topics: &BTreeSet<Arc<str>>,
) -> Result<(BTreeMap<Arc<str>, Uuid>, bool), ClientError> {
    let mut metadata = cluster.metadata();
    let missing: Vec<Arc<str>> =
        topics.iter().filter(|topic| !metadata.topics.contains_key(*topic)).cloned().collect();
    if !missing.is_empty() {
        metadata = cluster.refresh(TopicSelection::Names(&missing, false)).await?;
    }
    let id = |topic: &Arc<str>| metadata.topics.get(topic).map_or(Uuid::ZERO, |topic| topic.id);
    let ids: BTreeMap<Arc<str>, Uuid> = topics.iter().map(|topic| (Arc::clone(topic), id(topic))).collect();
    let all = ids.values().all(|id| *id != Uuid::ZERO);
    Ok((ids, all))
}

fn by_topic<V>(items: impl Iterator<Item = (TopicPartition, V)>) -> BTreeMap<Arc<str>, Vec<(i32, V)>> {
    let mut topics: BTreeMap<Arc<str>, Vec<(i32, V)>> = BTreeMap::new();
    for (partition, value) in items {
        topics.entry(partition.topic).or_default().push((partition.partition, value));
    }
    topics
}

/// Commits offsets, once. Gives what became of each partition.
async fn commit_once(
    cluster: &Cluster,
    group_id: &str,
    identity: &Identity,
    instance_id: Option<&str>,
    offsets: &BTreeMap<TopicPartition, OffsetAndMetadata>,
) -> Result<BTreeMap<TopicPartition, Result<(), ClientError>>, ClientError> {
    let topics = by_topic(offsets.iter().map(|(partition, offset)| (partition.clone(), offset)));
    let (ids, all_known) = topic_ids(cluster, &topics.keys().cloned().collect()).await?;
    let node = cluster.coordinator(CoordinatorKind::Group, group_id).await?;
    let connection = cluster.connection(node).await?;
    let mut version = connection.version_of::<OffsetCommitRequest>()?;
    if !all_known {
        version = version.min(COMMIT_WITH_NAMES);
    }
    let request = OffsetCommitRequest {
        group_id: StrBytes::from(group_id.to_owned()),
        generation_id_or_member_epoch: identity.generation,
        member_id: StrBytes::from(identity.member_id.clone()),
        group_instance_id: instance_id.map(|id| StrBytes::from(id.to_owned())),
        topics: topics
            .iter()
            .map(|(topic, partitions)| OffsetCommitRequestTopic {
                name: StrBytes::from(topic.to_string()),
                topic_id: ids.get(topic).copied().unwrap_or(Uuid::ZERO),
                partitions: partitions
                    .iter()
                    .map(|(partition_index, offset)| OffsetCommitRequestPartition {
                        partition_index: *partition_index,
                        committed_offset: offset.offset,
                        committed_leader_epoch: offset.leader_epoch,
                        committed_metadata: Some(StrBytes::from(offset.metadata.clone())),
                        ..Default::default()
                    })
                    .collect(),
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    };
    let answer = connection.call_version(&request, version, std::time::Duration::ZERO).await?;
    let mut results = BTreeMap::new();
    for topic in answer.topics {
        let name = name_of(&ids, topic.topic_id, &topic.name);
        for partition in topic.partitions {
            let key = TopicPartition { topic: Arc::clone(&name), partition: partition.partition_index };
            results.insert(key, ClientError::check(partition.error_code, None));
        }
    }
    Ok(results)
}

fn name_of(ids: &BTreeMap<Arc<str>, Uuid>, id: Uuid, name: &str) -> Arc<str> {
    if id == Uuid::ZERO {
        return Arc::from(name);
    }
    ids.iter().find(|(_, known)| **known == id).map_or_else(|| Arc::from(name), |(name, _)| Arc::clone(name))
}

/// Commits offsets of a group as somebody who is no member, once.
pub(crate) async fn commit_alone(
    cluster: &Cluster,
    group_id: &str,
    offsets: &BTreeMap<TopicPartition, OffsetAndMetadata>,
) -> Result<BTreeMap<TopicPartition, Result<(), ClientError>>, ClientError> {
    commit_once(cluster, group_id, &Identity::default(), None, offsets).await
}

/// Commits offsets, repeating what may succeed.
pub(super) async fn commit(
    cluster: &Cluster,
    group_id: &str,
    identity: impl Fn() -> Identity,
    instance_id: Option<&str>,
    offsets: &BTreeMap<TopicPartition, OffsetAndMetadata>,
    limit: std::time::Duration,
) -> Result<(), ClientError> {
    if offsets.is_empty() {
        return Ok(());
    }
    cluster
        .retrying("committing offsets", limit, async || {
            let result = commit_fresh(cluster, group_id, &identity, instance_id, offsets).await;
            if let Err(error) = &result
                && group::is_about_coordinator(error)
            {
                cluster.forget_coordinator(CoordinatorKind::Group, group_id);
            }
            result
        })
        .await
}

/// Commits once, under an epoch that is not stale.
async fn commit_fresh(
    cluster: &Cluster,
    group_id: &str,
    identity: &impl Fn() -> Identity,
    instance_id: Option<&str>,
    offsets: &BTreeMap<TopicPartition, OffsetAndMetadata>,
) -> Result<(), ClientError> {
    let mut waits = STALE_WAITS;
    loop {
        let results = commit_once(cluster, group_id, &identity(), instance_id, offsets).await;
        let result = results.and_then(|found| found.into_values().find(Result::is_err).unwrap_or(Ok(())));
        let is_stale = result.as_ref().is_err_and(|e| e.code() == Some(ErrorCode::StaleMemberEpoch));
        if !is_stale || waits == 0 {
            return result;
        }
        // The next heartbeat tells the epoch that the coordinator has given us meanwhile.
        waits -= 1;
        cluster.clock().sleep(STALE_PAUSE).await;
    }
}

/// Asks for committed offsets, of the given partitions or of all that the group has. Partitions without one are not in
/// the result.
pub(crate) async fn fetch(
    cluster: &Cluster,
    group_id: &str,
    partitions: Option<&BTreeSet<TopicPartition>>,
    require_stable: bool,
    limit: std::time::Duration,
) -> Result<BTreeMap<TopicPartition, OffsetAndMetadata>, ClientError> {
    fetch_as(cluster, group_id, None, partitions, require_stable, limit).await
}

/// As [`fetch`], as a member of a consumer group, which is refused when its epoch is an old one.
pub(super) async fn fetch_as(
    cluster: &Cluster,
    group_id: &str,
    member: Option<&Identity>,
    partitions: Option<&BTreeSet<TopicPartition>>,
    require_stable: bool,
    limit: std::time::Duration,
) -> Result<BTreeMap<TopicPartition, OffsetAndMetadata>, ClientError> {
    cluster
        .retrying("asking for committed offsets", limit, async || {
            let result = fetch_once(cluster, group_id, member, partitions, require_stable).await;
            if let Err(error) = &result
                && group::is_about_coordinator(error)
            {
                cluster.forget_coordinator(CoordinatorKind::Group, group_id);
            }
            result
        })
        .await
}

/// One row of an answer: topic, partition, offset, leader epoch, metadata, error code.
type Row = (Arc<str>, i32, i64, i32, Option<StrBytes>, i16);

async fn fetch_once(
    cluster: &Cluster,
    group_id: &str,
    member: Option<&Identity>,
    partitions: Option<&BTreeSet<TopicPartition>>,
    require_stable: bool,
) -> Result<BTreeMap<TopicPartition, OffsetAndMetadata>, ClientError> {
    let topics = partitions.map(|set| by_topic(set.iter().map(|partition| (partition.clone(), ()))));
    let names: BTreeSet<Arc<str>> = topics.iter().flat_map(|topics| topics.keys().cloned()).collect();
    let (ids, all_known) = topic_ids(cluster, &names).await?;
    let node = cluster.coordinator(CoordinatorKind::Group, group_id).await?;
    let connection = cluster.connection(node).await?;
    let mut version = connection.version_of::<OffsetFetchRequest>()?;
    if !all_known || partitions.is_none() {
        // Without names we could not tell which topics the ids of the answer are.
        version = version.min(FETCH_WITH_NAMES);
    }
    let indexes = |list: &[(i32, ())]| list.iter().map(|(index, ())| *index).collect::<Vec<i32>>();
    let group = StrBytes::from(group_id.to_owned());
    let request = if version >= 8 {
        let topics = topics.as_ref().map(|topics| {
            let topic = |(name, list): (&Arc<str>, &Vec<(i32, ())>)| OffsetFetchRequestTopics {
                name: StrBytes::from(name.to_string()),
                topic_id: ids.get(name).copied().unwrap_or(Uuid::ZERO),
                partition_indexes: indexes(list),
                ..Default::default()
            };
            topics.iter().map(topic).collect()
        });
        let member = member.filter(|member| version >= FETCH_WITH_MEMBER && member.generation > 0);
        let group = OffsetFetchRequestGroup {
            group_id: group,
            topics,
            member_id: member.map(|member| StrBytes::from(member.member_id.as_str())),
            member_epoch: member.map_or(-1, |member| member.generation),
            ..Default::default()
        };
        OffsetFetchRequest { groups: vec![group], require_stable, ..Default::default() }
    } else {
        let topics = topics.as_ref().map(|topics| {
            let topic = |(name, list): (&Arc<str>, &Vec<(i32, ())>)| OffsetFetchRequestTopic {
                name: StrBytes::from(name.to_string()),
                partition_indexes: indexes(list),
                ..Default::default()
            };
            topics.iter().map(topic).collect()
        });
        let require_stable = require_stable && version >= 7;
        OffsetFetchRequest { group_id: group, topics, require_stable, ..Default::default() }
    };
    let answer = connection.call_version(&request, version, std::time::Duration::ZERO).await?;
    let mut found = BTreeMap::new();
    for (topic, partition, offset, leader_epoch, metadata, code) in rows(&answer, &ids)? {
        ClientError::check(code, None)?;
        if offset >= 0 {
            let metadata = metadata.map(|text| text.to_string()).unwrap_or_default();
            found.insert(
                TopicPartition { topic, partition },
                OffsetAndMetadata { offset, leader_epoch, metadata },
            );
        }
    }
    Ok(found)
}

/// The partitions of an answer, in whichever form its version has them.
fn rows(answer: &OffsetFetchResponse, ids: &BTreeMap<Arc<str>, Uuid>) -> Result<Vec<Row>, ClientError> {
    ClientError::check(answer.error_code, None)?;
    let mut rows = Vec::new();
    for topic in &answer.topics {
        let name: Arc<str> = Arc::from(&*topic.name);
        rows.extend(topic.partitions.iter().map(|p| {
            let (offset, epoch) = (p.committed_offset, p.committed_leader_epoch);
            (Arc::clone(&name), p.partition_index, offset, epoch, p.metadata.clone(), p.error_code)
        }));
    }
    for group in &answer.groups {
        ClientError::check(group.error_code, None)?;
        for topic in &group.topics {
            let name = name_of(ids, topic.topic_id, &topic.name);
            rows.extend(topic.partitions.iter().map(|p| {
                let (offset, epoch) = (p.committed_offset, p.committed_leader_epoch);
                (Arc::clone(&name), p.partition_index, offset, epoch, p.metadata.clone(), p.error_code)
            }));
        }
    }
    Ok(rows)
}
