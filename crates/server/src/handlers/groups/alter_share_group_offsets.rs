//! AlterShareGroupOffsets (key 91), v0: sets where an empty share group goes on (KIP-932).

use klamm_coordinator::{Request, ShareGroupReply, ShareGroupRequest};
use klamm_protocol::{
    ErrorCode, StrBytes,
    api::alter_share_group_offsets::{AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsResponse},
};

use super::{GroupsContext, share_state::share_reply};
use crate::dispatch::Call;

/// Answers AlterShareGroupOffsets.
pub async fn handle(
    cx: &GroupsContext,
    call: &Call,
    request: AlterShareGroupOffsetsRequest,
) -> AlterShareGroupOffsetsResponse {
    let refuse = |error: ErrorCode| AlterShareGroupOffsetsResponse {
        error_code: error.code(),
        error_message: Some(StrBytes::from(error.default_message())),
        ..Default::default()
    };
    if !cx.serves_share_groups() {
        return refuse(ErrorCode::UnsupportedVersion);
    }
    let group = request.group_id.clone();
    let request = Request::Share(ShareGroupRequest::AlterOffsets(request));
    let reply = share_reply(cx.ask(call, &group, request).await);
    let ShareGroupReply::AlterOffsets(mut response, initialize) = reply else {
        return refuse(ErrorCode::UnknownServerError);
    };
    // What could not be made stays noted as asked for, and the next heartbeat of a member asks again.
    let failed = cx.initialize(&group, initialize, false).await;
    for topic in &mut response.responses {
        for partition in topic.partitions.iter_mut().filter(|partition| partition.error_code == 0) {
            if let Some(error) = failed.get(&(topic.topic_id, partition.partition_index)) {
                partition.error_code = error.code.code();
                partition.error_message = Some(StrBytes::from(error.code.default_message()));
            }
        }
    }
    response
}
