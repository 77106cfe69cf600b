//! ConsumerGroupHeartbeat (key 68), v0–1: all that a member of a consumer group says and learns (KIP-848).
//!
//! * v1  regular expressions; the member chooses its id (KIP-1082)

use klamm_coordinator::Request;
use klamm_protocol::{
    ErrorCode,
    api::consumer_group_heartbeat::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse},
};

use super::{GroupsContext, expect_reply};
use crate::dispatch::Call;

/// Answers ConsumerGroupHeartbeat.
pub async fn handle(
    cx: &GroupsContext,
    call: &Call,
    request: ConsumerGroupHeartbeatRequest,
) -> ConsumerGroupHeartbeatResponse {
    if !cx.serves_consumer_groups() {
        let error_code = ErrorCode::UnsupportedVersion.code();
        return ConsumerGroupHeartbeatResponse { error_code, ..Default::default() };
    }
    let group = request.group_id.clone();
    let request = Request::ConsumerGroupHeartbeat(request);
    expect_reply!(cx.ask(call, &group, request).await, ConsumerGroupHeartbeat)
}
