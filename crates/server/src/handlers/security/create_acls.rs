//! CreateAcls (key 30), v1–3: adds access control entries (KIP-140). SECURITY_DISABLED for each without an authorizer.

use klamm_protocol::{
    ErrorCode,
    api::create_acls::{AclCreationResult, CreateAclsRequest, CreateAclsResponse},
};

use super::{NO_AUTHORIZER, SecurityContext};
use crate::dispatch::Call;

/// Answers CreateAcls.
pub async fn handle(_cx: &SecurityContext, _call: &Call, request: CreateAclsRequest) -> CreateAclsResponse {
    let refused = |_| AclCreationResult {
        error_code: ErrorCode::SecurityDisabled.code(),
        error_message: Some(NO_AUTHORIZER.into()),
        ..Default::default()
    };
    CreateAclsResponse { results: request.creations.iter().map(refused).collect(), ..Default::default() }
}
