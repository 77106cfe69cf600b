//! SaslAuthenticate (key 36), v0–2: a step of an authentication (KIP-152). On a listener without SASL there is none under
//! way: ILLEGAL_SASL_STATE.

use klamm_protocol::{
    ErrorCode,
    api::sasl_authenticate::{SaslAuthenticateRequest, SaslAuthenticateResponse},
};

use super::SecurityContext;
use crate::dispatch::Call;

/// Answers SaslAuthenticate.
pub async fn handle(
    _cx: &SecurityContext,
    _call: &Call,
    _request: SaslAuthenticateRequest,
) -> SaslAuthenticateResponse {
    SaslAuthenticateResponse {
        error_code: ErrorCode::IllegalSaslState.code(),
        error_message: Some("SaslAuthenticate request received after successful authentication".into()),
        ..Default::default()
    }
}
