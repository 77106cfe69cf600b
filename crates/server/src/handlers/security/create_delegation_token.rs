//! CreateDelegationToken (key 38), v1–3: a token that stands for a principal (KIP-48). See [`super::no_token`].
//!
//! * v3  another owner than the one who asks (KIP-373)

use klamm_protocol::api::create_delegation_token::{
    CreateDelegationTokenRequest, CreateDelegationTokenResponse,
};

use super::{ANONYMOUS, SecurityContext, USER, no_token};
use crate::dispatch::Call;

/// Answers CreateDelegationToken.
pub async fn handle(
    _cx: &SecurityContext,
    call: &Call,
    request: CreateDelegationTokenRequest,
) -> CreateDelegationTokenResponse {
    let named = request.owner_principal_name.filter(|name| !name.is_empty());
    let (principal_type, principal_name) = match named {
        Some(name) => (request.owner_principal_type.unwrap_or_default(), name),
        None => (USER.into(), ANONYMOUS.into()),
    };
    let is_requester_told = call.api_version >= 3;
    CreateDelegationTokenResponse {
        error_code: no_token(call),
        principal_type,
        principal_name,
        token_requester_principal_type: if is_requester_told { USER } else { "" }.into(),
        token_requester_principal_name: if is_requester_told { ANONYMOUS } else { "" }.into(),
        issue_timestamp_ms: -1,
        expiry_timestamp_ms: -1,
        max_timestamp_ms: -1,
        ..Default::default()
    }
}
