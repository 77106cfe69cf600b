//! AlterPartitionReassignments and ListPartitionReassignments (KIP-455).

use super::assignment::check_manual_assignment;
use super::change::{Change, Election};
use crate::{ApiError, Context, Outcome};
use klamm_metadata::image::{Partition, Topic};
use klamm_protocol::api::alter_partition_reassignments::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, ReassignablePartition,
    ReassignablePartitionResponse, ReassignableTopicResponse,
};
use klamm_protocol::api::list_partition_reassignments::{
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse, OngoingPartitionReassignment,
    OngoingTopicReassignment,
};
use klamm_protocol::metadata::MetadataRecord;
use klamm_protocol::{ErrorCode, Uuid};
use std::collections::BTreeSet;

/// Begins, replaces or cancels reassignments, partition by partition.
pub fn alter_partition_reassignments(
    context: &Context<'_>,
    request: &AlterPartitionReassignmentsRequest,
) -> Outcome<AlterPartitionReassignmentsResponse> {
    let mut records = Vec::new();
    let allow = request.allow_replication_factor_change;
    let responses = request
        .topics
        .iter()
        .map(|topic| ReassignableTopicResponse {
            name: topic.name.clone(),
            partitions: topic
                .partitions
                .iter()
                .map(|partition| {
                    let result = alter(context, &topic.name, partition, allow).and_then(|record| {
                        let count = records.len().saturating_add(usize::from(record.is_some()));
                        ApiError::check_record_count(count).map(|()| record)
                    });
                    let error = result.as_ref().err();
                    let response = ReassignablePartitionResponse {
                        partition_index: partition.partition_index,
                        error_code: error.map_or(0, |error| error.code.code()),
                        error_message: error.and_then(ApiError::wire_message),
                        ..Default::default()
                    };
                    records.extend(result.ok().flatten());
                    response
                })
                .collect(),
            ..Default::default()
        })
        .collect();
    let response = AlterPartitionReassignmentsResponse {
        allow_replication_factor_change: allow,
        error_message: None,
        responses,
        ..Default::default()
    };
    Outcome::new(records, response)
}

fn alter(
    context: &Context<'_>,
    name: &str,
    target: &ReassignablePartition,
    allow_replication_factor_change: bool,
) -> Result<Option<MetadataRecord>, ApiError> {
    let unknown = |message: String| ApiError::new(ErrorCode::UnknownTopicOrPartition, message);
    let topic = context
        .image
        .topics
        .by_name(name)
        .ok_or_else(|| unknown(format!("Unable to find a topic named {name}.")))?;
    let index = target.partition_index;
    let partition = topic
        .partitions
        .get(&index)
        .ok_or_else(|| unknown(format!("Unable to find partition {name}:{index}.")))?;
    match &target.replicas {
        None => cancel(context, topic, index, partition),
        Some(replicas) => {
            check_manual_assignment(context, replicas, None)?;
            if !allow_replication_factor_change {
                check_replication_factor(partition, replicas)?;
            }
            Ok(begin(context, topic, index, partition, replicas))
        }
    }
}

fn check_replication_factor(partition: &Partition, replicas: &[i32]) -> Result<(), ApiError> {
    let staying = partition.replicas.iter().filter(|id| !partition.removing_replicas.contains(id)).count();
    if staying == replicas.len() {
        return Ok(());
    }
    let message = format!("The replication factor is changed from {staying} to {}", replicas.len());
    Err(ApiError::new(ErrorCode::InvalidReplicationFactor, message))
}

fn begin(
    context: &Context<'_>,
    topic: &Topic,
    index: i32,
    partition: &Partition,
    target: &[i32],
) -> Option<MetadataRecord> {
    // Replicas that an earlier reassignment is bringing in do not count as old: in Kafka those that are asked for again
    // do, and stay when this one is taken back, so that the partition then has more replicas than it ever was to have.
    let old: Vec<i32> =
        partition.replicas.iter().copied().filter(|id| !partition.adding_replicas.contains(id)).collect();
    let removing: Vec<i32> = partition.replicas.iter().copied().filter(|id| !target.contains(id)).collect();
    // Those that it was bringing in and that are not wanted any more count as coming, too: they never were original.
    let given_up = removing.iter().filter(|id| partition.adding_replicas.contains(id));
    let adding: Vec<i32> = target.iter().filter(|id| !old.contains(id)).chain(given_up).copied().collect();
    let active = |id: i32| context.image.cluster.is_active(id);
    let mut change = Change::new(context, topic, index, partition, &active);
    change.replicas = target.iter().chain(&removing).copied().collect();
    change.removing = sorted(removing);
    change.adding = sorted(adding);
    change.build().map(MetadataRecord::from)
}

fn sorted(mut ids: Vec<i32>) -> Vec<i32> {
    ids.sort_unstable();
    ids
}

fn cancel(
    context: &Context<'_>,
    topic: &Topic,
    index: i32,
    partition: &Partition,
) -> Result<Option<MetadataRecord>, ApiError> {
    if !partition.is_reassigning() {
        let code = ErrorCode::NoReassignmentInProgress;
        return Err(ApiError::new(code, code.default_message()));
    }
    let stay = |ids: &[i32]| -> Vec<i32> {
        ids.iter().copied().filter(|id| !partition.adding_replicas.contains(id)).collect()
    };
    let (replicas, mut isr) = (stay(&partition.replicas), stay(&partition.isr));
    if replicas.is_empty() {
        let message = "Invalid replica assignment: addingReplicas contains all replicas.";
        return Err(ApiError::new(ErrorCode::InvalidReplicaAssignment, message));
    }
    let unclean = isr.is_empty();
    let unclean_enabled = context.is_unclean_election_enabled(&topic.name);
    if unclean && !unclean_enabled {
        let message = format!(
            "Unable to revert partition assignment for {}:{index} because it would require an unclean leader election.",
            topic.name
        );
        return Err(ApiError::new(ErrorCode::InvalidReplicaAssignment, message));
    }
    if unclean {
        isr.extend(replicas.first());
    }
    let active = |id: i32| context.image.cluster.is_active(id);
    let mut change = Change::new(context, topic, index, partition, &active);
    if unclean_enabled {
        change.election = Election::Unclean;
    }
    (change.replicas, change.isr) = (replicas, isr);
    change.removing.clear();
    change.adding.clear();
    Ok(change.build().map(MetadataRecord::from))
}

/// What is under way.
pub fn list_partition_reassignments(
    context: &Context<'_>,
    request: &ListPartitionReassignmentsRequest,
) -> ListPartitionReassignmentsResponse {
    let ongoing = |topic: &Topic, wanted: &dyn Fn(i32) -> bool| {
        let partitions: Vec<_> = topic
            .partitions
            .iter()
            .filter(|(index, partition)| partition.is_reassigning() && wanted(**index))
            .map(|(index, partition)| OngoingPartitionReassignment {
                partition_index: *index,
                replicas: partition.replicas.clone(),
                adding_replicas: partition.adding_replicas.clone(),
                removing_replicas: partition.removing_replicas.clone(),
                ..Default::default()
            })
            .collect();
        (!partitions.is_empty()).then(|| OngoingTopicReassignment {
            name: topic.name.clone(),
            partitions,
            ..Default::default()
        })
    };
    let topics = match &request.topics {
        None => {
            let ids: BTreeSet<Uuid> = context.index.reassigning().map(|(topic, _)| topic).collect();
            let topics = ids.iter().filter_map(|id| context.image.topics.by_id(id));
            topics.filter_map(|topic| ongoing(topic, &|_| true)).collect()
        }
        Some(asked) => asked
            .iter()
            .filter_map(|asked| {
                let topic = context.image.topics.by_name(&asked.name)?;
                ongoing(topic, &|index| asked.partition_indexes.contains(&index))
            })
            .collect(),
    };
    ListPartitionReassignmentsResponse { error_message: None, topics, ..Default::default() }
}
