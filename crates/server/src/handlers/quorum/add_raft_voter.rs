//! AddRaftVoter (key 80), v0–1: makes a controller a voter of the quorum (KIP-853).
//!
//! * v1  may answer before the change is committed
//!
//! The leader decides. A controller that does not lead refuses; a broker passes the request on to the one that does.

use klamm_protocol::api::add_raft_voter::{AddRaftVoterRequest, AddRaftVoterResponse};
use klamm_raft::{RaftRequest, RaftResponse};

use super::QuorumContext;
use crate::{dispatch::Call, quorum::CommandError};

/// Answers AddRaftVoter.
pub async fn handle(cx: &QuorumContext, call: &Call, request: AddRaftVoterRequest) -> AddRaftVoterResponse {
    let controller = &cx.node.controller;
    if !call.connection.is_controller_listener {
        return match controller.add_raft_voter(request, call).await {
            Ok(response) => response,
            Err(error) => refused(error),
        };
    }
    let listener = call.connection.listener.as_str().into();
    match controller.quorum(listener, call.api_version, RaftRequest::AddRaftVoter(request)).await {
        Some(RaftResponse::AddRaftVoter(response)) => response,
        _ => refused(CommandError::ShuttingDown),
    }
}

fn refused(error: CommandError) -> AddRaftVoterResponse {
    AddRaftVoterResponse {
        error_code: error.code().code(),
        error_message: Some(error.to_string().into()),
        ..Default::default()
    }
}
