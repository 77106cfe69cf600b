//! ListOffsets (key 2), v1–11: the offset at a time, or one that is special.
//!
//! * v2   isolation level: the latest offset of a committed reader is the last stable one
//! * v4   leader epochs
//! * v5   OFFSET_NOT_AVAILABLE, before LEADER_NOT_AVAILABLE
//! * v7   -3, the record with the largest timestamp (KIP-734)
//! * v8   -4, the first offset on local disks (KIP-405)
//! * v9   -5, the last offset in remote storage (KIP-1005)
//! * v11  -6, the first offset that is still to be uploaded (KIP-1023)

use std::collections::BTreeSet;

use klamm_protocol::{
    ErrorCode,
    api::list_offsets::{
        ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
        ListOffsetsTopicResponse,
    },
};

use super::{ByShard, RecordsContext, ask};
use crate::{
    dispatch::Call,
    shard::{
        ShardRequest,
        requests::{Isolation, OffsetAnswer, OffsetQuery, TopicPartition},
    },
};

/// The replica id of a consumer.
const CONSUMER: i32 = -1;
/// The replica id of one who looks for errors, and wants to hear of any replica.
const DEBUGGING: i32 = -2;

/// Answers ListOffsets.
pub async fn handle(cx: &RecordsContext, call: &Call, request: ListOffsetsRequest) -> ListOffsetsResponse {
    let version = call.api_version;
    let isolation = match (request.replica_id, request.isolation_level) {
        (CONSUMER, 1) => Isolation::Committed,
        (CONSUMER, _) => Isolation::Uncommitted,
        _ => Isolation::LogEnd,
    };
    let mut answers = Vec::new();
    let mut work = ByShard::new(cx.shards.count());
    let duplicates = duplicates(&request);
    for topic in &request.topics {
        for partition in &topic.partitions {
            let at = TopicPartition { topic: topic.name.clone(), index: partition.partition_index };
            answers.push(if duplicates.contains(&at) {
                Some(Err(ErrorCode::InvalidRequest.into()))
            } else if !is_timestamp_known(partition.timestamp, version) {
                Some(Err(ErrorCode::UnsupportedVersion.into()))
            } else {
                let shard = cx.shards.of(&at.topic, at.index);
                let query = OffsetQuery {
                    at,
                    current_leader_epoch: partition.current_leader_epoch,
                    of_any: request.replica_id == DEBUGGING,
                    timestamp: partition.timestamp,
                    isolation,
                };
                work.push(shard, answers.len(), query);
                None
            });
        }
    }
    ask(&cx.shards, work, &mut answers, |queries, reply| ShardRequest::ListOffsets { queries, reply }).await;
    let mut answers = answers.into_iter();
    let topics = request
        .topics
        .into_iter()
        .map(|topic| ListOffsetsTopicResponse {
            partitions: topic
                .partitions
                .iter()
                .zip(answers.by_ref())
                .map(|(partition, answer)| partition_response(partition, answer, version))
                .collect(),
            name: topic.name,
            ..Default::default()
        })
        .collect();
    ListOffsetsResponse { topics, ..Default::default() }
}

fn partition_response(
    partition: &ListOffsetsPartition,
    answer: Option<Result<OffsetAnswer, crate::error::ApiError>>,
    version: i16,
) -> ListOffsetsPartitionResponse {
    let mut response =
        ListOffsetsPartitionResponse { partition_index: partition.partition_index, ..Default::default() };
    match answer {
        Some(Ok(found)) => {
            response.timestamp = found.timestamp;
            response.offset = found.offset;
            if version >= 4 {
                response.leader_epoch = found.leader_epoch;
            }
        }
        Some(Err(error)) => {
            let code = match error.code {
                ErrorCode::OffsetNotAvailable if version < 5 => ErrorCode::LeaderNotAvailable,
                code => code,
            };
            response.error_code = code.code();
        }
        None => response.error_code = ErrorCode::UnknownServerError.code(),
    }
    response
}

fn duplicates(request: &ListOffsetsRequest) -> BTreeSet<TopicPartition> {
    let mut seen = BTreeSet::new();
    let mut twice = BTreeSet::new();
    for topic in &request.topics {
        for partition in &topic.partitions {
            let at = TopicPartition { topic: topic.name.clone(), index: partition.partition_index };
            if let Some(again) = seen.replace(at) {
                twice.insert(again);
            }
        }
    }
    twice
}

/// Whether a version of the API knows what a timestamp stands for.
const fn is_timestamp_known(timestamp: i64, version: i16) -> bool {
    match timestamp {
        -2.. => true,
        -3 => version >= 7,
        -4 => version >= 8,
        -5 => version >= 9,
        -6 => version >= 11,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_timestamps_have_their_first_version() {
        for (timestamp, since) in [(0, 1), (-1, 1), (-2, 1), (-3, 7), (-4, 8), (-5, 9), (-6, 11), (-7, 99)] {
            for version in 1..=11 {
                assert_eq!(
                    is_timestamp_known(timestamp, version),
                    version >= since,
                    "{timestamp} v{version}"
                );
            }
        }
    }
}
