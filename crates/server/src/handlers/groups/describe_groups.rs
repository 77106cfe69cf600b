//! DescribeGroups (key 15), v0–6: classic groups with their members.
//!
//! * v3  authorised operations (KIP-430)  * v4  static members (KIP-345)  * v6  GROUP_ID_NOT_FOUND (KIP-1043)

use klamm_coordinator::Request;
use klamm_protocol::api::describe_groups::{DescribeGroupsRequest, DescribeGroupsResponse};

use super::{GroupsContext, expect_reply};
use crate::{
    authorize::{Resource, authorized_operations},
    dispatch::Call,
};

/// Answers DescribeGroups.
pub async fn handle(
    cx: &GroupsContext,
    call: &Call,
    request: DescribeGroupsRequest,
) -> DescribeGroupsResponse {
    let replies = cx.ask_each(call, request.groups, |groups| Request::DescribeGroups { groups }).await;
    let mut groups: Vec<_> =
        replies.into_iter().flat_map(|reply| expect_reply!(reply, DescribeGroups)).collect();
    if request.include_authorized_operations {
        for group in groups.iter_mut().filter(|group| group.error_code == 0) {
            group.authorized_operations = authorized_operations(Resource::Group);
        }
    }
    DescribeGroupsResponse { groups, ..Default::default() }
}
