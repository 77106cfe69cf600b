//! DescribeDelegationToken (key 41), v1–3: the tokens of given owners (KIP-48). See [`super::no_token`].
//!
//! Kafka lists it for controllers too, which then have no answer to it but UNKNOWN_SERVER_ERROR.

use klamm_protocol::{
    ErrorCode,
    api::describe_delegation_token::{DescribeDelegationTokenRequest, DescribeDelegationTokenResponse},
};

use super::{SecurityContext, no_token};
use crate::dispatch::Call;

/// Answers DescribeDelegationToken.
pub async fn handle(
    _cx: &SecurityContext,
    call: &Call,
    _request: DescribeDelegationTokenRequest,
) -> DescribeDelegationTokenResponse {
    let error_code = if call.connection.is_controller_listener {
        ErrorCode::UnknownServerError.code()
    } else {
        no_token(call)
    };
    DescribeDelegationTokenResponse { error_code, ..Default::default() }
}
