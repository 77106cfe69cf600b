//! DescribeProducers (key 61), v0: the producers that a replica knows, the leader or any other (KIP-664).

use klamm_protocol::{
    ErrorCode,
    api::describe_producers::{
        DescribeProducersRequest, DescribeProducersResponse, PartitionResponse, TopicResponse,
    },
};

use super::{ByShard, RecordsContext, ask};
use crate::{
    dispatch::Call,
    shard::{ShardRequest, requests::TopicPartition},
    topic_names,
};

/// Answers DescribeProducers.
pub async fn handle(
    cx: &RecordsContext,
    _call: &Call,
    request: DescribeProducersRequest,
) -> DescribeProducersResponse {
    let published = cx.node.metadata.load();
    let mut answers = Vec::new();
    let mut work = ByShard::new(cx.shards.count());
    for topic in &request.topics {
        let refusal = if !topic_names::is_legal(&topic.name) {
            Some(ErrorCode::InvalidTopicException)
        } else if published.image.topics.by_name(&topic.name).is_none() {
            Some(ErrorCode::UnknownTopicOrPartition)
        } else {
            None
        };
        for index in &topic.partition_indexes {
            answers.push(match refusal {
                Some(code) => Some(Err(code.into())),
                None => {
                    let at = TopicPartition { topic: topic.name.clone(), index: *index };
                    work.push(cx.shards.of(&at.topic, at.index), answers.len(), at);
                    None
                }
            });
        }
    }
    ask(&cx.shards, work, &mut answers, |partitions, reply| ShardRequest::Producers { partitions, reply })
        .await;
    let mut answers = answers.into_iter();
    let topics = request
        .topics
        .into_iter()
        .map(|topic| TopicResponse {
            partitions: topic
                .partition_indexes
                .iter()
                .zip(answers.by_ref())
                .map(|(index, answer)| {
                    let mut partition = PartitionResponse { partition_index: *index, ..Default::default() };
                    match answer {
                        Some(Ok(producers)) => partition.active_producers = producers,
                        Some(Err(error)) => {
                            partition.error_code = error.code.code();
                            partition.error_message = Some(error.code.default_message().into());
                        }
                        None => partition.error_code = ErrorCode::UnknownServerError.code(),
                    }
                    partition
                })
                .collect(),
            name: topic.name,
            ..Default::default()
        })
        .collect();
    DescribeProducersResponse { topics, ..Default::default() }
}
