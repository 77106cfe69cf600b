//! BrokerHeartbeat (key 63), v0–2: a broker is alive, and what it wants: to be fenced, to serve, to go (KIP-631).

use klamm_protocol::{
    ErrorCode,
    api::broker_heartbeat::{BrokerHeartbeatRequest, BrokerHeartbeatResponse},
};

use super::BrokersContext;
use crate::dispatch::Call;

/// Answers as the controller decides.
pub async fn handle(
    cx: &BrokersContext,
    call: &Call,
    request: BrokerHeartbeatRequest,
) -> BrokerHeartbeatResponse {
    let refused = |code: ErrorCode| BrokerHeartbeatResponse { error_code: code.code(), ..Default::default() };
    if call.connection.is_controller_listener && cx.node.controller.leader_id() != cx.node.id {
        return refused(ErrorCode::NotController);
    }
    call.connection.identify(request.broker_id, &cx.node.controller);
    match cx.node.controller.broker_heartbeat(request, call).await {
        Ok(response) => response,
        Err(error) => refused(error.code()),
    }
}
