//! DeleteAcls (key 31), v1–3: removes access control entries (KIP-140). SECURITY_DISABLED for each filter without an
//! authorizer.

use klamm_protocol::{
    ErrorCode,
    api::delete_acls::{DeleteAclsFilterResult, DeleteAclsRequest, DeleteAclsResponse},
};

use super::{NO_AUTHORIZER, SecurityContext};
use crate::dispatch::Call;

/// Answers DeleteAcls.
pub async fn handle(_cx: &SecurityContext, _call: &Call, request: DeleteAclsRequest) -> DeleteAclsResponse {
    let refused = |_| DeleteAclsFilterResult {
        error_code: ErrorCode::SecurityDisabled.code(),
        error_message: Some(NO_AUTHORIZER.into()),
        ..Default::default()
    };
    DeleteAclsResponse { filter_results: request.filters.iter().map(refused).collect(), ..Default::default() }
}
