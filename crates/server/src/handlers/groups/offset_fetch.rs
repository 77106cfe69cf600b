//! OffsetFetch (key 9), v1–10: the committed offsets of groups.
//!
//! * v2  all topics, and an error for the group  * v5  leader epoch (KIP-320)  * v7  require stable (KIP-447)
//! * v8  several groups (KIP-709)  * v9  members of consumer groups (KIP-848)  * v10  topics by id
//!
//! What has no offset is answered -1 and no error; so is a group that does not exist.

use klamm_coordinator::Request;
use klamm_protocol::{
    ErrorCode, Uuid,
    api::offset_fetch::{
        OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics, OffsetFetchResponse,
        OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
        OffsetFetchResponseTopic, OffsetFetchResponseTopics,
    },
};

use super::{GroupsContext, expect_reply};
use crate::dispatch::Call;

const SEVERAL_GROUPS_SINCE: i16 = 8;
const TOPIC_IDS_SINCE: i16 = 10;

/// Answers OffsetFetch.
pub async fn handle(cx: &GroupsContext, call: &Call, mut request: OffsetFetchRequest) -> OffsetFetchResponse {
    let is_single = call.api_version < SEVERAL_GROUPS_SINCE;
    let wanted = if is_single { vec![only_group(&mut request)] } else { std::mem::take(&mut request.groups) };
    let mut groups = Vec::with_capacity(wanted.len());
    for group in wanted {
        groups.push(fetch(cx, call, group, request.require_stable).await);
    }
    match groups.pop() {
        Some(group) if is_single => single_response(group),
        last => {
            groups.extend(last);
            OffsetFetchResponse { groups, ..Default::default() }
        }
    }
}

/// The request of older versions as one for a single group.
fn only_group(request: &mut OffsetFetchRequest) -> OffsetFetchRequestGroup {
    let topics = request.topics.take().map(|topics| {
        let topic =
            |topic: klamm_protocol::api::offset_fetch::OffsetFetchRequestTopic| OffsetFetchRequestTopics {
                name: topic.name,
                partition_indexes: topic.partition_indexes,
                ..Default::default()
            };
        topics.into_iter().map(topic).collect()
    });
    OffsetFetchRequestGroup { group_id: request.group_id.clone(), topics, ..Default::default() }
}

async fn fetch(
    cx: &GroupsContext,
    call: &Call,
    mut wanted: OffsetFetchRequestGroup,
    require_stable: bool,
) -> OffsetFetchResponseGroup {
    let uses_ids = call.api_version >= TOPIC_IDS_SINCE;
    let mut unknown = Vec::new();
    if uses_ids && let Some(topics) = &mut wanted.topics {
        let published = cx.node.metadata.load();
        topics.retain_mut(|topic| match published.image.topics.by_id(&topic.topic_id) {
            Some(known) => {
                topic.name = known.name.clone();
                true
            }
            None => {
                unknown.push(unknown_topic(topic));
                false
            }
        });
    }
    let wants_all = wanted.topics.is_none();
    let id = wanted.group_id.clone();
    let request = Request::OffsetFetch { group: wanted, require_stable };
    let mut group = expect_reply!(cx.ask(call, &id, request).await, OffsetFetch);
    if group.error_code == 0 {
        group.topics.extend(unknown);
    }
    if uses_ids && wants_all {
        // Topics that are gone have no id to be named by.
        let published = cx.node.metadata.load();
        group.topics.retain_mut(|topic| {
            let known = published.image.topics.by_name(&topic.name);
            topic.topic_id = known.map_or(Uuid::ZERO, |known| known.id);
            known.is_some()
        });
    }
    group
}

fn unknown_topic(topic: &OffsetFetchRequestTopics) -> OffsetFetchResponseTopics {
    let partition = |partition_index: &i32| OffsetFetchResponsePartitions {
        partition_index: *partition_index,
        committed_offset: -1,
        error_code: ErrorCode::UnknownTopicId.code(),
        ..Default::default()
    };
    OffsetFetchResponseTopics {
        name: topic.name.clone(),
        topic_id: topic.topic_id,
        partitions: topic.partition_indexes.iter().map(partition).collect(),
        ..Default::default()
    }
}

fn single_response(group: OffsetFetchResponseGroup) -> OffsetFetchResponse {
    let partition = |partition: OffsetFetchResponsePartitions| OffsetFetchResponsePartition {
        partition_index: partition.partition_index,
        committed_offset: partition.committed_offset,
        committed_leader_epoch: partition.committed_leader_epoch,
        metadata: partition.metadata,
        error_code: partition.error_code,
        ..Default::default()
    };
    let topic = |topic: OffsetFetchResponseTopics| OffsetFetchResponseTopic {
        name: topic.name,
        partitions: topic.partitions.into_iter().map(partition).collect(),
        ..Default::default()
    };
    OffsetFetchResponse {
        topics: group.topics.into_iter().map(topic).collect(),
        error_code: group.error_code,
        ..Default::default()
    }
}
