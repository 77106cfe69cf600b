//! RenewDelegationToken (key 39), v1–2: lets a token be valid for longer (KIP-48). See [`super::no_token`].

use klamm_protocol::api::renew_delegation_token::{
    RenewDelegationTokenRequest, RenewDelegationTokenResponse,
};

use super::{SecurityContext, no_token};
use crate::dispatch::Call;

/// Answers RenewDelegationToken.
pub async fn handle(
    _cx: &SecurityContext,
    call: &Call,
    _request: RenewDelegationTokenRequest,
) -> RenewDelegationTokenResponse {
    RenewDelegationTokenResponse { error_code: no_token(call), expiry_timestamp_ms: -1, ..Default::default() }
}
