//! StreamsGroupDescribe (key 89), v0 (KIP-1071).

use klamm_coordinator::Request;
use klamm_protocol::{
    ErrorCode,
    api::streams_group_describe::{
        DescribedGroup, StreamsGroupDescribeRequest, StreamsGroupDescribeResponse,
    },
};

use super::{GroupsContext, expect_reply};
use crate::{
    authorize::{Resource, authorized_operations},
    dispatch::Call,
};

/// Answers StreamsGroupDescribe.
pub async fn handle(
    cx: &GroupsContext,
    call: &Call,
    request: StreamsGroupDescribeRequest,
) -> StreamsGroupDescribeResponse {
    let refuse = |group_id, error: ErrorCode| DescribedGroup {
        group_id,
        error_code: error.code(),
        ..Default::default()
    };
    if !cx.serves_streams_groups() {
        let refused = request.group_ids.into_iter().map(|id| refuse(id, ErrorCode::UnsupportedVersion));
        return StreamsGroupDescribeResponse { groups: refused.collect(), ..Default::default() };
    }
    let (empty, named): (Vec<_>, Vec<_>) = request.group_ids.into_iter().partition(|id| id.is_empty());
    let mut groups: Vec<_> = empty.into_iter().map(|id| refuse(id, ErrorCode::InvalidGroupId)).collect();
    let replies = cx.ask_each(call, named, |groups| Request::StreamsGroupDescribe { groups }).await;
    groups.extend(replies.into_iter().flat_map(|reply| expect_reply!(reply, StreamsGroupDescribe)));
    if request.include_authorized_operations {
        for group in groups.iter_mut().filter(|group| group.error_code == 0) {
            group.authorized_operations = authorized_operations(Resource::Group);
        }
    }
    StreamsGroupDescribeResponse { groups, ..Default::default() }
}
