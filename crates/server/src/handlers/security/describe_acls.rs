//! DescribeAcls (key 29), v1–3: access control entries that match a filter (KIP-140). SECURITY_DISABLED without an
//! authorizer.

use klamm_protocol::{
    ErrorCode,
    api::describe_acls::{DescribeAclsRequest, DescribeAclsResponse},
};

use super::SecurityContext;
use crate::dispatch::Call;

/// Answers DescribeAcls.
pub async fn handle(
    _cx: &SecurityContext,
    _call: &Call,
    _request: DescribeAclsRequest,
) -> DescribeAclsResponse {
    DescribeAclsResponse {
        error_code: ErrorCode::SecurityDisabled.code(),
        error_message: Some("No Authorizer is configured on the broker".into()),
        ..Default::default()
    }
}
