//! LeaveGroup (key 13), v0–5: members leave a group, or are removed by an administrator.
//!
//! * v3  several members, static ones by their instance id (KIP-345)  * v5  reason (KIP-800)
//!
//! Before v3 there is one member, whose error is the response's.

use klamm_coordinator::Request;
use klamm_protocol::api::leave_group::{LeaveGroupRequest, LeaveGroupResponse, MemberIdentity};

use super::{GroupsContext, expect_reply};
use crate::dispatch::Call;

const SEVERAL_MEMBERS_SINCE: i16 = 3;

/// Answers LeaveGroup.
pub async fn handle(cx: &GroupsContext, call: &Call, mut request: LeaveGroupRequest) -> LeaveGroupResponse {
    let is_single = call.api_version < SEVERAL_MEMBERS_SINCE;
    if is_single {
        let member_id = request.member_id.clone();
        request.members = vec![MemberIdentity { member_id, group_instance_id: None, ..Default::default() }];
    }
    let group = request.group_id.clone();
    let response = expect_reply!(cx.ask(call, &group, Request::LeaveGroup(request)).await, LeaveGroup);
    if !is_single {
        return response;
    }
    let members = response.members.iter().map(|member| member.error_code);
    let error_code = std::iter::once(response.error_code).chain(members).find(|code| *code != 0).unwrap_or(0);
    LeaveGroupResponse { error_code, ..Default::default() }
}
