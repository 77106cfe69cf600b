//! AlterReplicaLogDirs (key 34), v1–2: moves replicas of this broker into other log directories of it (KIP-113).
//!
//! Answered when the moves have begun; DescribeLogDirs shows the copies that grow. A move to where the replica is ends one
//! that is under way.
//!
//! * LOG_DIR_NOT_FOUND  no such directory in `log.dirs`
//! * KAFKA_STORAGE_ERROR  it is offline, or another is, in which the replica might be
//! * INVALID_REPLICA_ASSIGNMENT  it is cordoned (KIP-1066)
//! * REPLICA_NOT_AVAILABLE, UNKNOWN_TOPIC_OR_PARTITION  the broker has no such replica; should it get it, then there
//! * INVALID_TOPIC_EXCEPTION  the name of the copy's directory would be longer than files' names may be

use klamm_protocol::{
    ErrorCode,
    api::alter_replica_log_dirs::{
        AlterReplicaLogDirPartitionResult, AlterReplicaLogDirTopicResult, AlterReplicaLogDirsRequest,
        AlterReplicaLogDirsResponse,
    },
};

use super::{ByShard, RecordsContext, ask};
use crate::{
    dispatch::Call,
    error::ApiError,
    shard::{ShardRequest, requests::TopicPartition},
};

/// What file systems allow, in bytes.
const FILE_NAME_MAX: usize = 255;

/// Answers AlterReplicaLogDirs.
pub async fn handle(
    cx: &RecordsContext,
    _call: &Call,
    request: AlterReplicaLogDirsRequest,
) -> AlterReplicaLogDirsResponse {
    let mut answers: Vec<Option<Result<(), ApiError>>> = Vec::new();
    let mut work = ByShard::new(cx.shards.count());
    let mut asked = Vec::new();
    for dir in request.dirs {
        let found = log_dir(cx, &dir.path);
        for topic in dir.topics {
            for index in topic.partitions {
                let at = TopicPartition { topic: topic.name.detached(), index };
                match found {
                    _ if !has_room_for_copy(&at) => {
                        answers.push(Some(Err(ErrorCode::InvalidTopicException.into())));
                    }
                    Ok(log_dir) => {
                        work.push(cx.shards.of(&at.topic, index), answers.len(), (at.clone(), log_dir));
                        answers.push(None);
                    }
                    Err(code) => answers.push(Some(Err(code.into()))),
                }
                asked.push(at);
            }
        }
    }
    ask(&cx.shards, work, &mut answers, |moves, reply| ShardRequest::MoveReplicas { moves, reply }).await;
    let mut results: Vec<AlterReplicaLogDirTopicResult> = Vec::new();
    for (at, answer) in asked.into_iter().zip(answers) {
        let error_code = match answer {
            Some(Ok(())) => 0,
            Some(Err(error)) => error.code.code(),
            None => ErrorCode::UnknownServerError.code(),
        };
        let partition =
            AlterReplicaLogDirPartitionResult { partition_index: at.index, error_code, ..Default::default() };
        match results.iter_mut().find(|topic| topic.topic_name == at.topic) {
            Some(topic) => topic.partitions.push(partition),
            None => results.push(AlterReplicaLogDirTopicResult {
                topic_name: at.topic,
                partitions: vec![partition],
                ..Default::default()
            }),
        }
    }
    AlterReplicaLogDirsResponse { results, ..Default::default() }
}

/// Whether the directory of a copy that grows, which has a unique name, can be named after a partition.
fn has_room_for_copy(at: &TopicPartition) -> bool {
    let unique = 32;
    format!("{}-{}.", at.topic, at.index).len() + unique + "-future".len() <= FILE_NAME_MAX
}

/// The directory of a path that takes replicas. It is named as DescribeLogDirs names it, from the root.
fn log_dir(cx: &RecordsContext, path: &str) -> Result<usize, ErrorCode> {
    let mut dirs = cx.node.log_dirs.of_partitions().enumerate();
    let (index, dir) =
        dirs.find(|(_, dir)| dir.path().as_os_str() == path).ok_or(ErrorCode::LogDirNotFound)?;
    if dir.is_offline() {
        Err(ErrorCode::KafkaStorageError)
    } else if dir.is_cordoned() {
        Err(ErrorCode::InvalidReplicaAssignment)
    } else {
        Ok(index)
    }
}
