//! OffsetForLeaderEpoch (key 23), v2–4: where a leader epoch ends, so that a client finds where its log departs
//! (KIP-101, KIP-320).
//!
//! * v3  a replica id; -2 is a consumer's debugging id

use klamm_protocol::{
    ErrorCode,
    api::offset_for_leader_epoch::{
        EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetForLeaderTopicResult,
    },
};

use super::{ByShard, RecordsContext, ask};
use crate::{
    dispatch::Call,
    shard::{ShardRequest, requests::TopicPartition},
};

/// Answers OffsetForLeaderEpoch.
pub async fn handle(
    cx: &RecordsContext,
    _call: &Call,
    request: OffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochResponse {
    let mut answers = Vec::new();
    let mut work = ByShard::new(cx.shards.count());
    for topic in &request.topics {
        for partition in &topic.partitions {
            let at = TopicPartition { topic: topic.topic.clone(), index: partition.partition };
            let shard = cx.shards.of(&at.topic, at.index);
            work.push(shard, answers.len(), (at, partition.current_leader_epoch, partition.leader_epoch));
            answers.push(None);
        }
    }
    ask(&cx.shards, work, &mut answers, |queries, reply| ShardRequest::EpochEnds { queries, reply }).await;
    let mut answers = answers.into_iter();
    let topics = request
        .topics
        .into_iter()
        .map(|topic| OffsetForLeaderTopicResult {
            partitions: topic
                .partitions
                .iter()
                .zip(answers.by_ref())
                .map(|(partition, answer)| {
                    let mut end = EpochEndOffset { partition: partition.partition, ..Default::default() };
                    match answer {
                        Some(Ok(found)) => {
                            end.leader_epoch = found.epoch;
                            end.end_offset = found.end_offset;
                        }
                        Some(Err(error)) => end.error_code = error.code.code(),
                        None => end.error_code = ErrorCode::UnknownServerError.code(),
                    }
                    end
                })
                .collect(),
            topic: topic.topic,
            ..Default::default()
        })
        .collect();
    OffsetForLeaderEpochResponse { topics, ..Default::default() }
}
