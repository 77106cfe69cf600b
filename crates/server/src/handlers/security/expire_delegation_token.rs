//! ExpireDelegationToken (key 40), v1–2: lets a token end sooner, or at once (KIP-48). See [`super::no_token`].

use klamm_protocol::api::expire_delegation_token::{
    ExpireDelegationTokenRequest, ExpireDelegationTokenResponse,
};

use super::{SecurityContext, no_token};
use crate::dispatch::Call;

/// Answers ExpireDelegationToken.
pub async fn handle(
    _cx: &SecurityContext,
    call: &Call,
    _request: ExpireDelegationTokenRequest,
) -> ExpireDelegationTokenResponse {
    ExpireDelegationTokenResponse {
        error_code: no_token(call),
        expiry_timestamp_ms: -1,
        ..Default::default()
    }
}
