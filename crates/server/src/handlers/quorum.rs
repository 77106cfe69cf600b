//! Handlers of the quorum's own protocol, and of what it decides for itself.
//!
//! Requests of KRaft go to this node's part in the quorum, which answers them or says who leads.

pub mod add_raft_voter;
pub mod begin_quorum_epoch;
pub mod describe_quorum;
pub mod end_quorum_epoch;
pub mod fetch_snapshot;
pub mod remove_raft_voter;
pub mod update_features;
pub mod update_raft_voter;
pub mod vote;

use std::sync::Arc;

use crate::node::Node;

/// What these handlers use.
pub struct QuorumContext {
    /// The node: the way to its part in the quorum.
    pub node: Arc<Node>,
}

/// A handler that hands its request to the raft machine. `$refused` is answered while the node goes down.
macro_rules! raft_handler {
    ($request:ident, $response:ident, $variant:ident) => {
        /// Answers the request as the raft machine does.
        pub async fn handle(
            cx: &super::QuorumContext,
            call: &crate::dispatch::Call,
            request: $request,
        ) -> $response {
            let listener = call.connection.listener.as_str().into();
            let request = klamm_raft::RaftRequest::$variant(request);
            match cx.node.controller.quorum(listener, call.api_version, request).await {
                Some(klamm_raft::RaftResponse::$variant(response)) => response,
                _ => $response {
                    error_code: klamm_protocol::ErrorCode::BrokerNotAvailable.code(),
                    ..Default::default()
                },
            }
        }
    };
}
pub(crate) use raft_handler;
