//! DeleteGroups (key 42), v0–2: removes groups without members, and their offsets.

use std::collections::BTreeSet;

use klamm_coordinator::Request;
use klamm_protocol::{
    StrBytes,
    api::delete_groups::{DeleteGroupsRequest, DeleteGroupsResponse},
};

use super::{GroupsContext, expect_reply};
use crate::dispatch::Call;

/// Answers DeleteGroups.
pub async fn handle(cx: &GroupsContext, call: &Call, request: DeleteGroupsRequest) -> DeleteGroupsResponse {
    let distinct: BTreeSet<StrBytes> = request.groups_names.into_iter().collect();
    let replies =
        cx.ask_each(call, distinct.into_iter().collect(), |groups| Request::DeleteGroups { groups }).await;
    let results = replies.into_iter().flat_map(|reply| expect_reply!(reply, DeleteGroups)).collect();
    DeleteGroupsResponse { results, ..Default::default() }
}
