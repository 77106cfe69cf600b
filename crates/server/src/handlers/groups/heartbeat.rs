//! Heartbeat (key 12), v0–4: keeps a classic member's session.
//!
//! * v3  static members (KIP-345)

use klamm_coordinator::Request;
use klamm_protocol::api::heartbeat::{HeartbeatRequest, HeartbeatResponse};

use super::{GroupsContext, expect_reply};
use crate::dispatch::Call;

/// Answers Heartbeat.
pub async fn handle(cx: &GroupsContext, call: &Call, request: HeartbeatRequest) -> HeartbeatResponse {
    let group = request.group_id.clone();
    expect_reply!(cx.ask(call, &group, Request::Heartbeat(request)).await, Heartbeat)
}
