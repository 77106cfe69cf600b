//! Handlers about who clients are and what they may do: SASL, access control lists, delegation tokens, SCRAM credentials.
//!
//! Every listener is PLAINTEXT and there is no authorizer. These are Kafka's answers in that configuration.

pub mod alter_user_scram_credentials;
pub mod create_acls;
pub mod create_delegation_token;
pub mod delete_acls;
pub mod describe_acls;
pub mod describe_delegation_token;
pub mod describe_user_scram_credentials;
pub mod expire_delegation_token;
pub mod renew_delegation_token;
pub mod sasl_authenticate;
pub mod sasl_handshake;

use std::sync::Arc;

use klamm_protocol::ErrorCode;

use crate::{
    dispatch::{ANONYMOUS, Call, USER},
    node::Node,
};

/// Said to those who would alter access control lists.
const NO_AUTHORIZER: &str = "No Authorizer is configured.";

/// What these handlers use.
pub struct SecurityContext {
    /// The node: its metadata and the way to the controller.
    pub node: Arc<Node>,
}

/// Why nobody gets a delegation token (KIP-48): clients of a PLAINTEXT listener may not ask for one. Those of a broker with
/// other listeners, which has passed their request on, may, but there is no secret to make tokens with.
fn no_token(call: &Call) -> i16 {
    if call.is_forwarded() {
        ErrorCode::DelegationTokenAuthDisabled.code()
    } else {
        ErrorCode::DelegationTokenRequestNotAllowed.code()
    }
}
