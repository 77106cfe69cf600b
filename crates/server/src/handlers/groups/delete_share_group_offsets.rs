//! DeleteShareGroupOffsets (key 92), v0: has an empty share group forget topics (KIP-932).

use std::collections::BTreeSet;

use klamm_coordinator::{Request, ShareGroupReply, ShareGroupRequest};
use klamm_protocol::{
    ErrorCode, StrBytes,
    api::delete_share_group_offsets::{
        DeleteShareGroupOffsetsRequest, DeleteShareGroupOffsetsResponse, DeleteShareGroupOffsetsResponseTopic,
    },
};

use super::{GroupsContext, share_state::share_reply};
use crate::dispatch::Call;

/// Answers DeleteShareGroupOffsets.
pub async fn handle(
    cx: &GroupsContext,
    call: &Call,
    request: DeleteShareGroupOffsetsRequest,
) -> DeleteShareGroupOffsetsResponse {
    let refuse = |error: ErrorCode| DeleteShareGroupOffsetsResponse {
        error_code: error.code(),
        error_message: Some(StrBytes::from(error.default_message())),
        ..Default::default()
    };
    if !cx.serves_share_groups() {
        return refuse(ErrorCode::UnsupportedVersion);
    }
    let group = request.group_id.clone();
    let request = Request::Share(ShareGroupRequest::BeginDeleteOffsets(request));
    let reply = share_reply(cx.ask(call, &group, request).await);
    let ShareGroupReply::BeginDeleteOffsets(mut response, going) = reply else {
        return refuse(ErrorCode::UnknownServerError);
    };
    if going.is_empty() {
        return response;
    }
    let failed = cx.delete_state(&group, &going).await;
    let deleted: BTreeSet<_> = going.keys().filter(|topic| !failed.contains_key(*topic)).copied().collect();
    if !deleted.is_empty() {
        let end = ShareGroupRequest::EndDeleteOffsets { group: group.clone(), topics: deleted };
        if let ShareGroupReply::Noted(Err(error)) = cx.ask_share_group(&group, end).await {
            return refuse(error);
        }
    }
    let published = cx.node.metadata.load();
    for topic_id in going.into_keys() {
        let error = failed.get(&topic_id).copied().unwrap_or(ErrorCode::None);
        let topic = published.image.topics.by_id(&topic_id);
        response.responses.push(DeleteShareGroupOffsetsResponseTopic {
            topic_name: topic.map(|topic| topic.name.clone()).unwrap_or_default(),
            topic_id,
            error_code: error.code(),
            error_message: (error != ErrorCode::None).then(|| StrBytes::from(error.default_message())),
            ..Default::default()
        });
    }
    response
}
