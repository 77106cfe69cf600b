//! Handlers that brokers and controllers ask of the active controller.

pub mod allocate_producer_ids;
pub mod alter_partition;
pub mod assign_replicas_to_dirs;
pub mod broker_heartbeat;
pub mod broker_registration;
pub mod controller_registration;
pub mod unregister_broker;

use std::sync::Arc;

use crate::node::Node;

/// What these handlers use.
pub struct BrokersContext {
    /// The node: the way to the controller.
    pub node: Arc<Node>,
}

/// A handler that hands its request to the controller. A node that does not lead answers NOT_CONTROLLER, so that the
/// caller looks for the one that does.
macro_rules! controller_handler {
    ($method:ident, $request:ident, $response:ident) => {
        /// Answers as the controller decides.
        pub async fn handle(
            cx: &super::BrokersContext,
            call: &crate::dispatch::Call,
            request: $request,
        ) -> $response {
            if call.connection.is_controller_listener && cx.node.controller.leader_id() != cx.node.id {
                return $response {
                    error_code: klamm_protocol::ErrorCode::NotController.code(),
                    ..Default::default()
                };
            }
            match cx.node.controller.$method(request, call).await {
                Ok(response) => response,
                Err(error) => $response { error_code: error.code().code(), ..Default::default() },
            }
        }
    };
}
pub(crate) use controller_handler;
