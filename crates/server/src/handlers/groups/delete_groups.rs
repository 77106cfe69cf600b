//! DeleteGroups (key 42), v0–2: removes groups without members, and their offsets. The state of a share group goes first.

use std::collections::BTreeSet;

use klamm_coordinator::{Request, ShareGroupReply, ShareGroupRequest};
use klamm_protocol::{
    ErrorCode, StrBytes,
    api::delete_groups::{DeletableGroupResult, DeleteGroupsRequest, DeleteGroupsResponse},
};

use super::{GroupsContext, expect_reply, share_state::share_reply};
use crate::dispatch::Call;

/// Answers DeleteGroups.
pub async fn handle(cx: &GroupsContext, call: &Call, request: DeleteGroupsRequest) -> DeleteGroupsResponse {
    let mut wanted: BTreeSet<StrBytes> = request.groups_names.into_iter().collect();
    let mut results = Vec::with_capacity(wanted.len());
    for (group_id, error) in delete_share_state(cx, call, &wanted).await {
        wanted.remove(&group_id);
        results.push(DeletableGroupResult { group_id, error_code: error.code(), ..Default::default() });
    }
    let replies =
        cx.ask_each(call, wanted.into_iter().collect(), |groups| Request::DeleteGroups { groups }).await;
    results.extend(replies.into_iter().flat_map(|reply| expect_reply!(reply, DeleteGroups)));
    DeleteGroupsResponse { results, ..Default::default() }
}

/// The groups that cannot be deleted.
async fn delete_share_state(
    cx: &GroupsContext,
    call: &Call,
    groups: &BTreeSet<StrBytes>,
) -> Vec<(StrBytes, ErrorCode)> {
    let mut refused = Vec::new();
    let begin = |groups| Request::Share(ShareGroupRequest::BeginDelete { groups });
    for reply in cx.ask_each(call, groups.iter().cloned().collect(), begin).await {
        let ShareGroupReply::BeginDelete(answers) = share_reply(reply) else { continue };
        for (group, answer) in answers {
            match answer {
                Ok(partitions) => {
                    let failed = cx.delete_state(&group, &partitions).await;
                    refused.extend(failed.into_values().next().map(|error| (group, error)));
                }
                Err(error) => refused.push((group, error)),
            }
        }
    }
    refused
}
