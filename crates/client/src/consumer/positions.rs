//! Where to begin reading partitions: the committed offset, else what `auto.offset.reset` says.

use std::collections::{BTreeMap, BTreeSet};

use klamm_protocol::ErrorCode;

use super::{fetcher::reset_position, group::Identity, offsets, partitions::Position, settings::Settings};
use crate::{
    ClientError, TopicPartition,
    admin::{OffsetSpec, list_offsets},
    cluster::Cluster,
};

/// The position of one partition, or why there is none yet.
pub(super) struct Found {
    pub(super) partition: TopicPartition,
    /// The version of the position that was asked about.
    pub(super) version: u64,
    pub(super) result: Result<i64, ClientError>,
}

/// Finds positions.
pub(super) async fn find(
    cluster: &Cluster,
    settings: &Settings,
    member: Option<&Identity>,
    wanted: Vec<(TopicPartition, u64, Position)>,
) -> Result<Vec<Found>, ClientError> {
    let limit = cluster.api_timeout();
    let mut found = Vec::new();
    let mut resets: BTreeMap<TopicPartition, OffsetSpec> = BTreeMap::new();
    let unknown: BTreeSet<TopicPartition> = wanted
        .iter()
        .filter(|(_, _, position)| *position == Position::Unknown)
        .map(|(partition, _, _)| partition.clone())
        .collect();
    let committed = match &settings.group_id {
        Some(group) if !unknown.is_empty() => {
            offsets::fetch_as(cluster, group, member, Some(&unknown), true, limit).await?
        }
        _ => BTreeMap::new(),
    };
    let version_of: BTreeMap<TopicPartition, u64> =
        wanted.iter().map(|(partition, version, _)| (partition.clone(), *version)).collect();
    for (partition, version, position) in wanted {
        let reset = match (position, committed.get(&partition)) {
            (_, Some(offset)) => {
                found.push(Found { partition, version, result: Ok(offset.offset) });
                continue;
            }
            (Position::Reset(spec), None) => Some(spec),
            _ => match reset_position(settings, cluster) {
                Some(Position::Reset(spec)) => Some(spec),
                _ => None,
            },
        };
        match reset {
            Some(spec) => drop(resets.insert(partition, spec)),
            None => {
                let message = format!("Undefined offset with no reset policy for partitions: [{partition}]");
                let error = ClientError::Broker { code: ErrorCode::OffsetOutOfRange, message: Some(message) };
                found.push(Found { partition, version, result: Err(error) });
            }
        }
    }
    let (by_time, fixed): (BTreeMap<_, _>, BTreeMap<_, _>) =
        resets.into_iter().partition(|(_, spec)| matches!(spec, OffsetSpec::Timestamp(_)));
    let mut listed = list(cluster, settings, fixed).await?;
    // No record is that young: the end is what is left.
    let mut to_end = BTreeMap::new();
    for (partition, result) in list(cluster, settings, by_time).await? {
        match result {
            Ok(-1) => drop(to_end.insert(partition, OffsetSpec::Latest)),
            result => drop(listed.insert(partition, result)),
        }
    }
    listed.extend(list(cluster, settings, to_end).await?);
    for (partition, result) in listed {
        let version = version_of.get(&partition).copied().unwrap_or_default();
        found.push(Found { partition, version, result });
    }
    Ok(found)
}

async fn list(
    cluster: &Cluster,
    settings: &Settings,
    specs: BTreeMap<TopicPartition, OffsetSpec>,
) -> Result<BTreeMap<TopicPartition, Result<i64, ClientError>>, ClientError> {
    if specs.is_empty() {
        return Ok(BTreeMap::new());
    }
    let listed = list_offsets(cluster, &specs, settings.isolation, cluster.api_timeout()).await?;
    Ok(listed.into_iter().map(|(partition, result)| (partition, result.map(|found| found.offset))).collect())
}
