//! SaslHandshake (key 17), v0–1: the mechanisms to authenticate by (KIP-43). On a listener without SASL it comes when
//! nothing is to be agreed on: ILLEGAL_SASL_STATE.

use klamm_protocol::{
    ErrorCode,
    api::sasl_handshake::{SaslHandshakeRequest, SaslHandshakeResponse},
};

use super::SecurityContext;
use crate::dispatch::Call;

/// Answers SaslHandshake.
pub async fn handle(
    _cx: &SecurityContext,
    _call: &Call,
    _request: SaslHandshakeRequest,
) -> SaslHandshakeResponse {
    SaslHandshakeResponse { error_code: ErrorCode::IllegalSaslState.code(), mechanisms: Vec::new() }
}
