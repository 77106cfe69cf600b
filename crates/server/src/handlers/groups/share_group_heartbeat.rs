//! ShareGroupHeartbeat (key 76), v1: all that a member of a share group says and learns (KIP-932).

use klamm_coordinator::{Request, ShareGroupReply, ShareGroupRequest};
use klamm_io::spawn;
use klamm_protocol::{
    ErrorCode,
    api::share_group_heartbeat::{ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse},
};

use super::{GroupsContext, share_state::share_reply};
use crate::dispatch::Call;

/// The longest id of a member, in UTF-16 units.
const MEMBER_ID_LENGTH_MAX: usize = 36;

/// Answers ShareGroupHeartbeat.
pub async fn handle(
    cx: &GroupsContext,
    call: &Call,
    request: ShareGroupHeartbeatRequest,
) -> ShareGroupHeartbeatResponse {
    let refuse =
        |error: ErrorCode| ShareGroupHeartbeatResponse { error_code: error.code(), ..Default::default() };
    if !cx.serves_share_groups() {
        return refuse(ErrorCode::UnsupportedVersion);
    }
    let length = request.member_id.encode_utf16().count();
    if length == 0 || length > MEMBER_ID_LENGTH_MAX {
        return refuse(ErrorCode::InvalidRequest);
    }
    let group = request.group_id.detached();
    let request = Request::Share(ShareGroupRequest::Heartbeat(request));
    let ShareGroupReply::Heartbeat(response, initialize) = share_reply(cx.ask(call, &group, request).await)
    else {
        return refuse(ErrorCode::UnknownServerError);
    };
    if !initialize.is_empty() {
        // The member need not wait: it hears of the partitions with a later heartbeat.
        let cx = cx.clone();
        spawn::local(async move {
            cx.initialize(&group, initialize, true).await;
        });
    }
    response
}
