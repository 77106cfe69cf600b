//! DescribeQuorum (key 55), v0–2: leader, voters and observers of the metadata log, with how far each is (KIP-595).
//!
//! * v1  times of the last fetch (KIP-836)  * v2  directory ids and addresses (KIP-853)
//!
//! Only the leader knows. A node that does not lead passes the question on, as brokers do for all of their clients.

use klamm_protocol::{
    ErrorCode, Uuid,
    api::describe_quorum::{DescribeQuorumRequest, DescribeQuorumResponse},
};
use klamm_raft::{RaftRequest, RaftResponse};

use super::QuorumContext;
use crate::dispatch::Call;

/// Answers DescribeQuorum.
pub async fn handle(
    cx: &QuorumContext,
    call: &Call,
    request: DescribeQuorumRequest,
) -> DescribeQuorumResponse {
    in_version(ask(cx, call, request).await, call.api_version)
}

/// Leaves out what a version cannot say and may not silently drop.
fn in_version(mut response: DescribeQuorumResponse, version: i16) -> DescribeQuorumResponse {
    if version < 2 {
        response.nodes.clear();
        for partition in response.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
            for replica in partition.current_voters.iter_mut().chain(&mut partition.observers) {
                replica.replica_directory_id = Uuid::ZERO;
            }
        }
    }
    response
}

async fn ask(cx: &QuorumContext, call: &Call, request: DescribeQuorumRequest) -> DescribeQuorumResponse {
    let controller = &cx.node.controller;
    if !call.connection.is_controller_listener && controller.leader_id() != cx.node.id {
        return match controller.describe_quorum(request, call).await {
            Ok(response) => response,
            Err(error) => DescribeQuorumResponse { error_code: error.code().code(), ..Default::default() },
        };
    }
    let listener = call.connection.listener.as_str().into();
    match controller.quorum(listener, call.api_version, RaftRequest::DescribeQuorum(request)).await {
        Some(RaftResponse::DescribeQuorum(response)) => response,
        _ => {
            DescribeQuorumResponse { error_code: ErrorCode::BrokerNotAvailable.code(), ..Default::default() }
        }
    }
}
