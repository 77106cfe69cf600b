//! OffsetCommit (key 8), v2–10.
//!
//! * v2–4  retention time  * v6  leader epoch (KIP-320)  * v7  static members (KIP-345)
//! * v9  members of consumer groups (KIP-848)  * v10  topics by id
//!
//! Partitions that do not exist are refused one by one; the rest goes to the coordinator.

use klamm_coordinator::Request;
use klamm_protocol::{
    ErrorCode, Uuid,
    api::offset_commit::{
        OffsetCommitRequest, OffsetCommitRequestTopic, OffsetCommitResponse, OffsetCommitResponsePartition,
        OffsetCommitResponseTopic,
    },
};

use super::{GroupsContext, expect_reply};
use crate::dispatch::Call;

const TOPIC_IDS_SINCE: i16 = 10;

/// Answers OffsetCommit.
pub async fn handle(
    cx: &GroupsContext,
    call: &Call,
    mut request: OffsetCommitRequest,
) -> OffsetCommitResponse {
    let uses_ids = call.api_version >= TOPIC_IDS_SINCE;
    let mut refused: Vec<OffsetCommitResponseTopic> = Vec::new();
    let mut accepted = Vec::new();
    {
        let published = cx.node.metadata.load();
        let topics = &published.image.topics;
        for mut topic in std::mem::take(&mut request.topics) {
            let known = if uses_ids { topics.by_id(&topic.topic_id) } else { topics.by_name(&topic.name) };
            let Some(known) = known else {
                let error =
                    if uses_ids { ErrorCode::UnknownTopicId } else { ErrorCode::UnknownTopicOrPartition };
                let partitions = topic.partitions.iter().map(|partition| partition.partition_index);
                refused.push(refuse(&topic, partitions.collect(), error));
                continue;
            };
            topic.name = known.name.clone();
            topic.topic_id = known.id;
            let (there, missing): (Vec<_>, Vec<_>) = std::mem::take(&mut topic.partitions)
                .into_iter()
                .partition(|partition| topics.partition(&topic.name, partition.partition_index).is_some());
            if !missing.is_empty() {
                let missing = missing.iter().map(|partition| partition.partition_index).collect();
                refused.push(refuse(&topic, missing, ErrorCode::UnknownTopicOrPartition));
            }
            if !there.is_empty() {
                topic.partitions = there;
                accepted.push(topic);
            }
        }
    }
    let mut response = OffsetCommitResponse { topics: refused, ..Default::default() };
    if !accepted.is_empty() {
        request.topics = accepted;
        let group = request.group_id.clone();
        let committed =
            expect_reply!(cx.ask(call, &group, Request::OffsetCommit(request)).await, OffsetCommit);
        merge(&mut response.topics, committed.topics, uses_ids);
    }
    response
}

fn refuse(
    topic: &OffsetCommitRequestTopic,
    partitions: Vec<i32>,
    error: ErrorCode,
) -> OffsetCommitResponseTopic {
    let partition = |partition_index| OffsetCommitResponsePartition {
        partition_index,
        error_code: error.code(),
        ..Default::default()
    };
    OffsetCommitResponseTopic {
        name: topic.name.clone(),
        topic_id: topic.topic_id,
        partitions: partitions.into_iter().map(partition).collect(),
        ..Default::default()
    }
}

/// A topic is named once, even if some of its partitions were refused here.
fn merge(into: &mut Vec<OffsetCommitResponseTopic>, from: Vec<OffsetCommitResponseTopic>, uses_ids: bool) {
    for topic in from {
        let same = |other: &&mut OffsetCommitResponseTopic| {
            if uses_ids && topic.topic_id != Uuid::ZERO {
                other.topic_id == topic.topic_id
            } else {
                other.name == topic.name
            }
        };
        match into.iter_mut().find(same) {
            Some(existing) => existing.partitions.extend(topic.partitions),
            None => into.push(topic),
        }
    }
}
