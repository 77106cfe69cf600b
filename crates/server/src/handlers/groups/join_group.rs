//! JoinGroup (key 11), v0–9: becomes a member of a classic group and waits for its next generation.
//!
//! * v1  rebalance timeout  * v4  MEMBER_ID_REQUIRED (KIP-394)  * v5  static members (KIP-345)
//! * v7  the protocol's type, and null for a name that is not there (KIP-559)  * v8  reason (KIP-800)
//! * v9  skipped assignment (KIP-814)

use klamm_coordinator::Request;
use klamm_protocol::api::join_group::{JoinGroupRequest, JoinGroupResponse};

use super::{GroupsContext, expect_reply};
use crate::dispatch::Call;

const NULLABLE_PROTOCOL_SINCE: i16 = 7;

/// Answers JoinGroup.
pub async fn handle(cx: &GroupsContext, call: &Call, request: JoinGroupRequest) -> JoinGroupResponse {
    let group = request.group_id.clone();
    let mut response = expect_reply!(cx.ask(call, &group, Request::JoinGroup(request)).await, JoinGroup);
    if call.api_version < NULLABLE_PROTOCOL_SINCE && response.protocol_name.is_none() {
        response.protocol_name = Some("".into());
    }
    response
}
