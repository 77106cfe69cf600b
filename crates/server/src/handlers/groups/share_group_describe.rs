//! ShareGroupDescribe (key 77), v1 (KIP-932).

use klamm_coordinator::{Request, ShareGroupReply, ShareGroupRequest};
use klamm_protocol::{
    ErrorCode,
    api::share_group_describe::{DescribedGroup, ShareGroupDescribeRequest, ShareGroupDescribeResponse},
};

use super::{GroupsContext, share_state::share_reply};
use crate::{
    authorize::{Resource, authorized_operations},
    dispatch::Call,
};

/// Answers ShareGroupDescribe.
pub async fn handle(
    cx: &GroupsContext,
    call: &Call,
    request: ShareGroupDescribeRequest,
) -> ShareGroupDescribeResponse {
    let refuse = |group_id, error: ErrorCode| DescribedGroup {
        group_id,
        error_code: error.code(),
        ..Default::default()
    };
    if !cx.serves_share_groups() {
        let refused = request.group_ids.into_iter().map(|id| refuse(id, ErrorCode::UnsupportedVersion));
        return ShareGroupDescribeResponse { groups: refused.collect(), ..Default::default() };
    }
    let (empty, named): (Vec<_>, Vec<_>) = request.group_ids.into_iter().partition(|id| id.is_empty());
    let mut groups: Vec<_> = empty.into_iter().map(|id| refuse(id, ErrorCode::InvalidGroupId)).collect();
    let describe = |groups| Request::Share(ShareGroupRequest::Describe { groups });
    for reply in cx.ask_each(call, named, describe).await {
        if let ShareGroupReply::Describe(described) = share_reply(reply) {
            groups.extend(described);
        }
    }
    if request.include_authorized_operations {
        for group in groups.iter_mut().filter(|group| group.error_code == 0) {
            group.authorized_operations = authorized_operations(Resource::Group);
        }
    }
    ShareGroupDescribeResponse { groups, ..Default::default() }
}
