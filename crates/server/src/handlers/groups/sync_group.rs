//! SyncGroup (key 14), v0–5: the leader of a classic group hands in the assignment, every member waits for its part.
//!
//! * v3  static members (KIP-345)  * v5  the protocol's type and name have to be there (KIP-559)

use klamm_coordinator::Request;
use klamm_protocol::{
    ErrorCode,
    api::sync_group::{SyncGroupRequest, SyncGroupResponse},
};

use super::{GroupsContext, expect_reply};
use crate::dispatch::Call;

const PROTOCOL_REQUIRED_SINCE: i16 = 5;

/// Answers SyncGroup.
pub async fn handle(cx: &GroupsContext, call: &Call, request: SyncGroupRequest) -> SyncGroupResponse {
    let has_protocol = request.protocol_type.is_some() && request.protocol_name.is_some();
    if call.api_version >= PROTOCOL_REQUIRED_SINCE && !has_protocol {
        let error_code = ErrorCode::InconsistentGroupProtocol.code();
        return SyncGroupResponse { error_code, ..Default::default() };
    }
    let group = request.group_id.clone();
    expect_reply!(cx.ask(call, &group, Request::SyncGroup(request)).await, SyncGroup)
}
