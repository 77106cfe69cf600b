//! OffsetDelete (key 47), v0 (KIP-496): removes offsets of topics that the group does not read any more.

use klamm_coordinator::Request;
use klamm_protocol::{
    ErrorCode, StrBytes,
    api::offset_delete::{
        OffsetDeleteRequest, OffsetDeleteResponse, OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
    },
};

use super::{GroupsContext, expect_reply};
use crate::dispatch::Call;

/// Answers OffsetDelete.
pub async fn handle(
    cx: &GroupsContext,
    call: &Call,
    mut request: OffsetDeleteRequest,
) -> OffsetDeleteResponse {
    let mut refused: Vec<OffsetDeleteResponseTopic> = Vec::new();
    let mut accepted = Vec::new();
    {
        let published = cx.node.metadata.load();
        let topics = &published.image.topics;
        for mut topic in std::mem::take(&mut request.topics) {
            let (there, missing): (Vec<_>, Vec<_>) = std::mem::take(&mut topic.partitions)
                .into_iter()
                .partition(|partition| topics.partition(&topic.name, partition.partition_index).is_some());
            if !missing.is_empty() {
                refused.push(refuse(
                    &topic.name,
                    missing.iter().map(|partition| partition.partition_index).collect(),
                ));
            }
            if !there.is_empty() {
                topic.partitions = there;
                accepted.push(topic);
            }
        }
    }
    // The group is asked for even if nothing is left: it may not exist.
    request.topics = accepted;
    let group = request.group_id.clone();
    let mut response =
        expect_reply!(cx.ask(call, &group, Request::OffsetDelete(request)).await, OffsetDelete);
    if response.error_code == 0 {
        for topic in refused {
            match response.topics.iter_mut().find(|other| other.name == topic.name) {
                Some(existing) => existing.partitions.extend(topic.partitions),
                None => response.topics.push(topic),
            }
        }
    }
    response
}

fn refuse(name: &StrBytes, partitions: Vec<i32>) -> OffsetDeleteResponseTopic {
    let error_code = ErrorCode::UnknownTopicOrPartition.code();
    let partition = |partition_index| OffsetDeleteResponsePartition { partition_index, error_code };
    OffsetDeleteResponseTopic {
        name: name.clone(),
        partitions: partitions.into_iter().map(partition).collect(),
    }
}
