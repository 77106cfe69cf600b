//! DeleteGroups (key 42), v0–2: removes groups without members, and their offsets. The state of a share group goes first.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::{Future, poll_fn},
    task::Poll,
};

use klamm_coordinator::{Request, ShareGroupReply, ShareGroupRequest};
use klamm_protocol::{
    ErrorCode, StrBytes, Uuid,
    api::delete_groups::{DeletableGroupResult, DeleteGroupsRequest, DeleteGroupsResponse},
};
use tracing::warn;

use super::{GroupsContext, expect_reply, share_state::share_reply};
use crate::dispatch::Call;

/// Answers DeleteGroups.
pub async fn handle(cx: &GroupsContext, call: &Call, request: DeleteGroupsRequest) -> DeleteGroupsResponse {
    let mut wanted: BTreeSet<StrBytes> = request.groups_names.into_iter().collect();
    let mut results = Vec::with_capacity(wanted.len());
    let ShareState { refused, mut deleted } = delete_share_state(cx, call, &wanted).await;
    for (group_id, error) in refused {
        wanted.remove(&group_id);
        results.push(DeletableGroupResult { group_id, error_code: error.code(), ..Default::default() });
    }
    let replies =
        cx.ask_each(call, wanted.into_iter().collect(), |groups| Request::DeleteGroups { groups }).await;
    results.extend(replies.into_iter().flat_map(|reply| expect_reply!(reply, DeleteGroups)));
    for result in results.iter().filter(|result| result.error_code != ErrorCode::None.code()) {
        if let Some(topics) = deleted.remove(&result.group_id) {
            end_deletion(cx, &result.group_id, topics).await;
        }
    }
    DeleteGroupsResponse { results, ..Default::default() }
}

/// What became of the state of share groups.
#[derive(Default)]
struct ShareState {
    /// The groups that cannot be deleted.
    refused: Vec<(StrBytes, ErrorCode)>,
    /// The topics of which a group's state is deleted.
    deleted: BTreeMap<StrBytes, BTreeSet<Uuid>>,
}

async fn delete_share_state(cx: &GroupsContext, call: &Call, groups: &BTreeSet<StrBytes>) -> ShareState {
    let mut state = ShareState::default();
    let mut going = Vec::new();
    let begin = |groups| Request::Share(ShareGroupRequest::BeginDelete { groups });
    for reply in cx.ask_each(call, groups.iter().cloned().collect(), begin).await {
        let ShareGroupReply::BeginDelete(answers) = share_reply(reply) else { continue };
        for (group, answer) in answers {
            match answer {
                Ok(partitions) => going.push((group, partitions)),
                Err(error) => state.refused.push((group, error)),
            }
        }
    }
    // From now on members that join wait for as long as a deletion may take, so that no group's may begin after another's.
    let failures =
        all_at_once(going.iter().map(|(group, partitions)| cx.delete_state(group, partitions))).await;
    for ((group, partitions), failed) in going.iter().zip(failures) {
        let topics = partitions.keys().filter(|topic| !failed.contains_key(*topic)).copied();
        let topics: BTreeSet<Uuid> = topics.collect();
        if !topics.is_empty() {
            state.deleted.insert(group.clone(), topics);
        }
        state.refused.extend(failed.into_values().next().map(|error| (group.clone(), error)));
    }
    state
}

/// Of a group that stays: a member has joined, and needs state again.
async fn end_deletion(cx: &GroupsContext, group: &StrBytes, topics: BTreeSet<Uuid>) {
    let end = ShareGroupRequest::EndDeleteOffsets { group: group.clone(), topics };
    if let ShareGroupReply::Noted(Err(error)) = cx.ask_share_group(group, end).await {
        warn!(%group, error = error.name(), "it cannot be noted that a share group's state is deleted");
    }
}

/// What comes of each, in order.
async fn all_at_once<F: Future>(all: impl Iterator<Item = F>) -> impl Iterator<Item = F::Output> {
    let mut running: Vec<_> = all.map(|one| (Box::pin(one), None)).collect();
    poll_fn(|context| {
        for (one, output) in running.iter_mut().filter(|(_, output)| output.is_none()) {
            if let Poll::Ready(ready) = one.as_mut().poll(context) {
                *output = Some(ready);
            }
        }
        if running.iter().all(|(_, output)| output.is_some()) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    running.into_iter().filter_map(|(_, output)| output)
}
