//! DescribeShareGroupOffsets (key 90), v0–1: how far share groups are (KIP-932).
//!
//! * v1  lag (KIP-1226)
//!
//! What there is no state of is answered -1 and no error.

use std::collections::{BTreeMap, BTreeSet};

use klamm_coordinator::{ShareGroupReply, ShareGroupRequest, TopicPartitions, share::StateSummary};
use klamm_protocol::{
    ErrorCode, StrBytes, Uuid,
    api::describe_share_group_offsets::{
        DescribeShareGroupOffsetsRequest, DescribeShareGroupOffsetsRequestGroup,
        DescribeShareGroupOffsetsRequestTopic, DescribeShareGroupOffsetsResponse,
        DescribeShareGroupOffsetsResponseGroup, DescribeShareGroupOffsetsResponsePartition,
        DescribeShareGroupOffsetsResponseTopic,
    },
};

use super::GroupsContext;
use crate::{dispatch::Call, error::ApiError, shard::requests::TopicPartition};

/// An offset, count or lag that is not known.
const UNKNOWN: i64 = -1;

/// Answers DescribeShareGroupOffsets.
pub async fn handle(
    cx: &GroupsContext,
    _call: &Call,
    request: DescribeShareGroupOffsetsRequest,
) -> DescribeShareGroupOffsetsResponse {
    let mut groups = Vec::with_capacity(request.groups.len());
    for group in request.groups {
        groups.push(describe(cx, group).await);
    }
    DescribeShareGroupOffsetsResponse { groups, ..Default::default() }
}

async fn describe(
    cx: &GroupsContext,
    wanted: DescribeShareGroupOffsetsRequestGroup,
) -> DescribeShareGroupOffsetsResponseGroup {
    let mut response =
        DescribeShareGroupOffsetsResponseGroup { group_id: wanted.group_id.clone(), ..Default::default() };
    if !cx.serves_share_groups() {
        response.error_code = ErrorCode::UnsupportedVersion.code();
        return response;
    }
    let mut missing = Vec::new();
    let partitions = match wanted.topics {
        Some(topics) => by_id(cx, topics, &mut missing),
        None => {
            let request = ShareGroupRequest::StatePartitions { group: wanted.group_id.clone() };
            match cx.ask_share_group(&wanted.group_id, request).await {
                ShareGroupReply::StatePartitions(Ok(partitions)) => partitions,
                ShareGroupReply::StatePartitions(Err(error)) => {
                    response.error_code = error.code();
                    response.error_message = Some(StrBytes::from(error.default_message()));
                    return response;
                }
                _ => TopicPartitions::new(),
            }
        }
    };
    response.topics = read(cx, &wanted.group_id, partitions).await;
    response.topics.extend(missing);
    response
}

/// The topics that exist; the answers for those that do not are put into `missing`.
fn by_id(
    cx: &GroupsContext,
    topics: Vec<DescribeShareGroupOffsetsRequestTopic>,
    missing: &mut Vec<DescribeShareGroupOffsetsResponseTopic>,
) -> TopicPartitions {
    let published = cx.node.metadata.load();
    let mut found = TopicPartitions::new();
    for topic in topics {
        if let Some(known) = published.image.topics.by_name(&topic.topic_name) {
            found.entry(known.id).or_default().extend(topic.partitions);
            continue;
        }
        let partition = |index| DescribeShareGroupOffsetsResponsePartition {
            partition_index: index,
            start_offset: UNKNOWN,
            ..Default::default()
        };
        missing.push(DescribeShareGroupOffsetsResponseTopic {
            topic_name: topic.topic_name,
            partitions: topic.partitions.into_iter().map(partition).collect(),
            ..Default::default()
        });
    }
    found
}

async fn read(
    cx: &GroupsContext,
    group: &StrBytes,
    mut partitions: TopicPartitions,
) -> Vec<DescribeShareGroupOffsetsResponseTopic> {
    let names: BTreeMap<Uuid, StrBytes> = {
        let published = cx.node.metadata.load();
        let name = |id: &Uuid| Some((*id, published.image.topics.by_id(id)?.name.clone()));
        partitions.keys().filter_map(name).collect()
    };
    partitions.retain(|topic, _| names.contains_key(topic));
    if partitions.is_empty() {
        return Vec::new();
    }
    let summaries = cx.read_summaries(group, &partitions).await;
    let place = |topic: &Uuid, index: i32| Some(TopicPartition { topic: names.get(topic)?.clone(), index });
    let known = summaries.iter().filter(|(_, summary)| has_lag(summary));
    let wanted: BTreeSet<TopicPartition> =
        known.filter_map(|((topic, index), _)| place(topic, *index)).collect();
    let ends = cx.latest_offsets(wanted).await;
    let mut topics: Vec<DescribeShareGroupOffsetsResponseTopic> = Vec::new();
    for ((topic_id, index), summary) in &summaries {
        let Some(at) = place(topic_id, *index) else { continue };
        if topics.last().is_none_or(|topic| topic.topic_id != *topic_id) {
            topics.push(DescribeShareGroupOffsetsResponseTopic {
                topic_name: at.topic.clone(),
                topic_id: *topic_id,
                ..Default::default()
            });
        }
        if let Some(topic) = topics.last_mut() {
            topic.partitions.push(answer(*index, summary, ends.get(&at).copied()));
        }
    }
    topics
}

/// Whether it can be said how many records are left.
fn has_lag(summary: &Result<StateSummary, ApiError>) -> bool {
    summary.as_ref().is_ok_and(|summary| {
        summary.start_offset != UNKNOWN && i64::from(summary.delivery_complete_count) != UNKNOWN
    })
}

fn answer(
    partition_index: i32,
    summary: &Result<StateSummary, ApiError>,
    end: Option<Result<i64, ErrorCode>>,
) -> DescribeShareGroupOffsetsResponsePartition {
    let mut answer =
        DescribeShareGroupOffsetsResponsePartition { partition_index, lag: UNKNOWN, ..Default::default() };
    match (summary, end) {
        (Ok(summary), Some(Ok(end))) => {
            answer.start_offset = summary.start_offset;
            answer.leader_epoch = summary.leader_epoch;
            let left = end.saturating_sub(summary.start_offset);
            answer.lag = left.saturating_sub(summary.delivery_complete_count.into());
        }
        (Ok(_), Some(Err(error))) => {
            answer.error_code = error.code();
            answer.error_message = Some(StrBytes::from(error.default_message()));
        }
        (Ok(summary), None) => {
            answer.start_offset = summary.start_offset;
            answer.leader_epoch = summary.leader_epoch;
        }
        // There is nothing to be told of it.
        (Err(_), _) => answer.start_offset = UNKNOWN,
    }
    answer
}
