//! ElectLeaders.

use super::change::{Change, Election};
use crate::{ApiError, Context, Outcome};
use klamm_protocol::ErrorCode;
use klamm_protocol::api::elect_leaders::{
    ElectLeadersRequest, ElectLeadersResponse, PartitionResult, ReplicaElectionResult,
};
use klamm_protocol::metadata::MetadataRecord;

/// Elects the preferred leaders, or unclean ones, of the partitions asked for, or of all.
///
/// # Errors
/// INVALID_REQUEST for an unknown election type, POLICY_VIOLATION for more elections than one request may ask for.
pub fn elect_leaders(
    context: &Context<'_>,
    request: &ElectLeadersRequest,
) -> Result<Outcome<ElectLeadersResponse>, ApiError> {
    let election = match request.election_type {
        0 => Election::Preferred,
        1 => Election::Unclean,
        other => {
            let message = format!("Unknown election type {other}");
            return Err(ApiError::new(ErrorCode::InvalidRequest, message));
        }
    };
    let mut records = Vec::new();
    let mut elect = |topic: &str, index: i32| match elect_leader(context, topic, index, election) {
        Ok(record) => {
            records.push(record);
            PartitionResult { partition_id: index, error_message: None, ..Default::default() }
        }
        Err(error) => PartitionResult {
            partition_id: index,
            error_code: error.code.code(),
            error_message: error.wire_message(),
            ..Default::default()
        },
    };
    let not_needed = ErrorCode::ElectionNotNeeded.code();
    let results = match &request.topic_partitions {
        Some(topics) => topics
            .iter()
            .map(|topic| ReplicaElectionResult {
                topic: topic.topic.clone(),
                partition_result: topic.partitions.iter().map(|index| elect(&topic.topic, *index)).collect(),
                ..Default::default()
            })
            .collect(),
        // Asked for all, only those are told of that needed one.
        None => context
            .image
            .topics
            .iter()
            .map(|topic| ReplicaElectionResult {
                topic: topic.name.clone(),
                partition_result: topic
                    .partitions
                    .keys()
                    .map(|index| elect(&topic.name, *index))
                    .filter(|result| result.error_code != not_needed)
                    .collect(),
                ..Default::default()
            })
            .collect(),
    };
    ApiError::check_record_count(records.len())?;
    Ok(Outcome::new(
        records,
        ElectLeadersResponse { replica_election_results: results, ..Default::default() },
    ))
}

/// The answer to a request that is refused as a whole: every partition that it names has the error, since v0 has no
/// other place for it.
pub fn refuse_elections(request: &ElectLeadersRequest, error: &ApiError) -> ElectLeadersResponse {
    let refused = |partition_id: &i32| PartitionResult {
        partition_id: *partition_id,
        error_code: error.code.code(),
        error_message: error.wire_message(),
        ..Default::default()
    };
    let topics = request.topic_partitions.iter().flatten();
    ElectLeadersResponse {
        error_code: error.code.code(),
        replica_election_results: topics
            .map(|topic| ReplicaElectionResult {
                topic: topic.topic.clone(),
                partition_result: topic.partitions.iter().map(refused).collect(),
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    }
}

/// The record of one election.
pub(crate) fn elect_leader(
    context: &Context<'_>,
    topic: &str,
    index: i32,
    election: Election,
) -> Result<MetadataRecord, ApiError> {
    let unknown = |message: String| ApiError::new(ErrorCode::UnknownTopicOrPartition, message);
    let topic_image =
        context.image.topics.by_name(topic).ok_or_else(|| unknown(format!("No such topic as {topic}")))?;
    let partition = topic_image
        .partitions
        .get(&index)
        .ok_or_else(|| unknown(format!("No such partition as {topic}-{index}")))?;
    let needed = match election {
        Election::Unclean => !partition.has_leader(),
        _ => partition.leader != partition.preferred_replica(),
    };
    if !needed {
        return Err(with_default_message(ErrorCode::ElectionNotNeeded));
    }
    let active = |id: i32| context.image.cluster.is_active(id);
    let mut change = Change::new(context, topic_image, index, partition, &active);
    change.election = election;
    change.build().map(MetadataRecord::from).ok_or_else(|| {
        with_default_message(if election == Election::Unclean {
            ErrorCode::EligibleLeadersNotAvailable
        } else {
            ErrorCode::PreferredLeaderNotAvailable
        })
    })
}

fn with_default_message(code: ErrorCode) -> ApiError {
    ApiError::new(code, code.default_message())
}
