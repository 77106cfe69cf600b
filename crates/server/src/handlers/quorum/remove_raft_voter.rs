//! RemoveRaftVoter (key 81), v0: takes a voter out of the quorum (KIP-853).
//!
//! The leader decides. A controller that does not lead refuses; a broker passes the request on to the one that does.

use klamm_protocol::api::remove_raft_voter::{RemoveRaftVoterRequest, RemoveRaftVoterResponse};
use klamm_raft::{RaftRequest, RaftResponse};

use super::QuorumContext;
use crate::{dispatch::Call, quorum::CommandError};

/// Answers RemoveRaftVoter.
pub async fn handle(
    cx: &QuorumContext,
    call: &Call,
    request: RemoveRaftVoterRequest,
) -> RemoveRaftVoterResponse {
    let controller = &cx.node.controller;
    if !call.connection.is_controller_listener {
        return match controller.remove_raft_voter(request, call).await {
            Ok(response) => response,
            Err(error) => refused(error),
        };
    }
    let listener = call.connection.listener.as_str().into();
    match controller.quorum(listener, call.api_version, RaftRequest::RemoveRaftVoter(request)).await {
        Some(RaftResponse::RemoveRaftVoter(response)) => response,
        _ => refused(CommandError::ShuttingDown),
    }
}

fn refused(error: CommandError) -> RemoveRaftVoterResponse {
    RemoveRaftVoterResponse {
        error_code: error.code().code(),
        error_message: Some(error.to_string().into()),
        ..Default::default()
    }
}
