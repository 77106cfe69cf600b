//! CreatePartitions.

use super::{check_manual_assignment, new_partition};
use crate::placement::Placer;
use crate::{Access, ApiError, Context, Outcome, Random};
use klamm_protocol::ErrorCode;
use klamm_protocol::api::create_partitions::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic, CreatePartitionsTopicResult,
};
use klamm_protocol::metadata::MetadataRecord;
use std::collections::BTreeSet;

/// Decides which of the topics get more partitions. Each succeeds or fails on its own.
pub fn create_partitions(
    context: &Context<'_>,
    random: &mut Random,
    access: Access<'_>,
    request: &CreatePartitionsRequest,
) -> Outcome<CreatePartitionsResponse> {
    let mut seen = BTreeSet::new();
    let mut duplicates = BTreeSet::new();
    for topic in &request.topics {
        if !seen.insert(&topic.name) {
            duplicates.insert(&topic.name);
        }
    }
    let mut records = Vec::new();
    let mut results = Vec::new();
    for topic in &request.topics {
        let result = if duplicates.contains(&topic.name) {
            Err(ApiError::new(ErrorCode::InvalidRequest, "Duplicate topic name."))
        } else if !(access.may_change)(&topic.name) {
            Err(ErrorCode::TopicAuthorizationFailed.into())
        } else {
            add_partitions(context, random, topic).and_then(|new: Vec<MetadataRecord>| {
                let all = records.len() + new.len();
                if all > crate::RECORDS_PER_REQUEST_MAX { Err(too_many()) } else { Ok(new) }
            })
        };
        let error = match result {
            Ok(new) => {
                records.extend(new);
                None
            }
            Err(error) => Some(error),
        };
        if duplicates.contains(&topic.name) && !seen.remove(&topic.name) {
            continue;
        }
        results.push(CreatePartitionsTopicResult {
            name: topic.name.clone(),
            error_code: error.as_ref().map_or(0, |error| error.code.code()),
            error_message: error.as_ref().and_then(ApiError::wire_message),
            ..Default::default()
        });
    }
    if request.validate_only {
        records.clear();
    }
    Outcome::new(records, CreatePartitionsResponse { results, ..Default::default() })
}

fn too_many() -> ApiError {
    ApiError::new(ErrorCode::PolicyViolation, "Excessively large number of partitions per request.")
}

fn add_partitions(
    context: &Context<'_>,
    random: &mut Random,
    request: &CreatePartitionsTopic,
) -> Result<Vec<MetadataRecord>, ApiError> {
    let invalid = |message: String| Err(ApiError::new(ErrorCode::InvalidPartitions, message));
    let Some(topic) = context.image.topics.by_name(&request.name) else {
        return Err(ErrorCode::UnknownTopicOrPartition.into());
    };
    let existing = i32::try_from(topic.partitions.size()).unwrap_or(i32::MAX);
    if request.count == existing {
        return invalid(format!("Topic already has {existing} partition(s)."));
    }
    if request.count < existing {
        return invalid(format!(
            "The topic {} currently has {existing} partition(s); {} would not be an increase.",
            request.name, request.count
        ));
    }
    let additional = usize::try_from(request.count - existing).unwrap_or(0);
    if additional > crate::PARTITIONS_PER_REQUEST_MAX {
        return Err(too_many());
    }
    let replica_count = topic.partitions.values().next().map_or(0, |partition| partition.replicas.len());
    let placed = match &request.assignments {
        Some(assignments) if assignments.len() != additional => {
            let message = format!(
                "Attempted to add {additional} additional partition(s), but only {} assignment(s) were specified.",
                assignments.len()
            );
            return Err(ApiError::new(ErrorCode::InvalidReplicaAssignment, message));
        }
        Some(assignments) => {
            for assignment in assignments {
                check_manual_assignment(context, &assignment.broker_ids, Some(replica_count))?;
            }
            assignments.iter().map(|assignment| assignment.broker_ids.clone()).collect()
        }
        None => {
            let replication_factor = i16::try_from(replica_count).unwrap_or(i16::MAX);
            Placer::new(context, random).place(additional, replication_factor)?
        }
    };
    let (version, elr) = (context.metadata_version(), context.is_elr_enabled());
    (existing..)
        .zip(&placed)
        .map(|(index, replicas)| match new_partition(context, replicas) {
            Some(partition) => Ok(partition.to_record(topic.id, index, version, elr).into()),
            None if request.assignments.is_some() => Err(ApiError::new(
                ErrorCode::InvalidReplicaAssignment,
                format!(
                    "All brokers specified in the manual partition assignment for partition {index} are fenced or in \
                     controlled shutdown."
                ),
            )),
            None => Err(ApiError::new(
                ErrorCode::InvalidReplicationFactor,
                format!(
                    "Unable to replicate the partition {replica_count} time(s): All brokers are currently fenced or in \
                     controlled shutdown."
                ),
            )),
        })
        .collect()
}
