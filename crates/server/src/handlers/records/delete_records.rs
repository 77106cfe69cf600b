//! DeleteRecords (key 21), v0–2: raises the log start offset (KIP-107).
//!
//! Answered when every live replica has raised its own, or the request's time is over. -1 stands for the high watermark.
//! Partitions of the coordinators' topics are refused, whoever asks.

use std::time::Duration;

use klamm_protocol::{
    ErrorCode,
    api::delete_records::{
        DeleteRecordsPartitionResult, DeleteRecordsRequest, DeleteRecordsResponse, DeleteRecordsTopicResult,
    },
};

use super::{ByShard, RecordsContext, ask};
use crate::{
    dispatch::Call,
    shard::{ShardRequest, requests::TopicPartition},
    topic_names,
};

/// Answers DeleteRecords.
pub async fn handle(cx: &RecordsContext, _: &Call, request: DeleteRecordsRequest) -> DeleteRecordsResponse {
    let published = cx.node.metadata.load();
    let mut answers = Vec::new();
    let mut work = ByShard::new(cx.shards.count());
    for topic in &request.topics {
        for partition in &topic.partitions {
            let at = TopicPartition { topic: topic.name.clone(), index: partition.partition_index };
            answers.push(if published.image.topics.partition(&at.topic, at.index).is_none() {
                Some(Err(ErrorCode::UnknownTopicOrPartition.into()))
            } else if topic_names::is_internal(&at.topic) {
                Some(Err(ErrorCode::InvalidTopicException.into()))
            } else {
                work.push(cx.shards.of(&at.topic, at.index), answers.len(), (at, partition.offset));
                None
            });
        }
    }
    let timeout = Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
    ask(&cx.shards, work, &mut answers, |queries, reply| ShardRequest::DeleteRecords {
        queries,
        timeout,
        reply,
    })
    .await;
    let mut answers = answers.into_iter();
    let topics = request
        .topics
        .into_iter()
        .map(|topic| DeleteRecordsTopicResult {
            partitions: topic
                .partitions
                .iter()
                .zip(answers.by_ref())
                .map(|(partition, answer)| {
                    let (low_watermark, code) = match answer {
                        Some(Ok(low_watermark)) => (low_watermark, ErrorCode::None),
                        Some(Err(error)) => (-1, error.code),
                        None => (-1, ErrorCode::UnknownServerError),
                    };
                    DeleteRecordsPartitionResult {
                        partition_index: partition.partition_index,
                        low_watermark,
                        error_code: code.code(),
                        ..Default::default()
                    }
                })
                .collect(),
            name: topic.name,
            ..Default::default()
        })
        .collect();
    DeleteRecordsResponse { topics, ..Default::default() }
}
