//! AssignReplicasToDirs: a broker says which of its log directories its replicas are in (KIP-858).

use super::change::Change;
use super::updates::{Affected, leader_and_isr_updates};
use crate::{ApiError, Context, Outcome};
use klamm_metadata::image::Broker;
use klamm_protocol::api::assign_replicas_to_dirs::{
    AssignReplicasToDirsRequest, AssignReplicasToDirsResponse, AssignReplicasToDirsResponseDirectoryData,
    AssignReplicasToDirsResponsePartitionData, AssignReplicasToDirsResponseTopicData,
};
use klamm_protocol::metadata::MetadataRecord;
use klamm_protocol::{ErrorCode, Uuid};

/// Decides replica by replica. One that is in a directory which is offline loses its lead and its place in the ISR.
///
/// # Errors
/// STALE_BROKER_EPOCH, or UNSUPPORTED_VERSION below 3.7-IV2.
pub fn assign_replicas_to_dirs(
    context: &Context<'_>,
    request: &AssignReplicasToDirsRequest,
) -> Result<Outcome<AssignReplicasToDirsResponse>, ApiError> {
    if !context.metadata_version().is_directory_assignment_supported() {
        let message = "Directory assignment is not supported yet.";
        return Err(ApiError::new(ErrorCode::UnsupportedVersion, message));
    }
    let broker = context.checked_broker(request.broker_id, request.broker_epoch)?;
    let mut records = Vec::new();
    let mut offline = Vec::new();
    let mut directories = Vec::with_capacity(request.directories.len());
    for directory in &request.directories {
        let is_offline = !broker.has_online_dir(&directory.id);
        let topics = directory.topics.iter().map(|topic| AssignReplicasToDirsResponseTopicData {
            topic_id: topic.topic_id,
            partitions: topic
                .partitions
                .iter()
                .map(|partition| {
                    let index = partition.partition_index;
                    let assigned = assign(context, broker, &topic.topic_id, index, directory.id);
                    if assigned.is_ok() && is_offline {
                        offline.push((topic.topic_id, index));
                    }
                    let error = assigned.as_ref().err().copied().unwrap_or(ErrorCode::None);
                    records.extend(assigned.ok().flatten());
                    AssignReplicasToDirsResponsePartitionData {
                        partition_index: index,
                        error_code: error.code(),
                        ..Default::default()
                    }
                })
                .collect(),
            ..Default::default()
        });
        directories.push(AssignReplicasToDirsResponseDirectoryData {
            id: directory.id,
            topics: topics.collect(),
            ..Default::default()
        });
    }
    let offline = offline.into_iter();
    leader_and_isr_updates(context, Affected::Removed(broker.id), offline, |_| true, &mut records);
    Ok(Outcome::new(records, AssignReplicasToDirsResponse { directories, ..Default::default() }))
}

fn assign(
    context: &Context<'_>,
    broker: &Broker,
    topic: &Uuid,
    index: i32,
    directory: Uuid,
) -> Result<Option<MetadataRecord>, ErrorCode> {
    let topic = context.image.topics.by_id(topic).ok_or(ErrorCode::UnknownTopicId)?;
    let partition = topic.partitions.get(&index).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    if !partition.replicas.contains(&broker.id) {
        return Err(ErrorCode::NotLeaderOrFollower);
    }
    let active = |id: i32| context.image.cluster.is_active(id);
    let mut change = Change::new(context, topic, index, partition, &active);
    change.set_directory(broker.id, directory);
    Ok(change.build().map(MetadataRecord::from))
}
