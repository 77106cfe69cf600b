//! AlterShareGroupOffsets (key 91), v0: sets where an empty share group goes on (KIP-932). An offset of -1 has it begin
//! where `share.auto.offset.reset` says, as a group that has not been here.

use std::collections::BTreeMap;

use klamm_coordinator::{Initialize, Request, ShareGroupReply, ShareGroupRequest, share::InitialState};
use klamm_protocol::{
    ErrorCode, StrBytes, Uuid,
    api::alter_share_group_offsets::{AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsResponse},
};

use super::{GroupsContext, share_state::share_reply};
use crate::{dispatch::Call, error::ApiError};

/// Where the group begins is for the leader to find out.
const UNKNOWN: i64 = -1;
/// Epochs are not compared.
const NO_EPOCH: i32 = -1;

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
    let (initialize, mut failed) = fence_unknown(cx, initialize).await;
    failed.extend(cx.initialize(&group, initialize, false).await);
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

/// Where no start offset is asked for, the state is one that a share coordinator leaves alone, as it must when a member
/// joins. So that it begins anew, leaders that still write for the epoch before are fenced first, and then it is made
/// without an epoch. What is left to be made, and the answers where that failed.
async fn fence_unknown(
    cx: &GroupsContext,
    initialize: Initialize,
) -> (Initialize, BTreeMap<(Uuid, i32), ApiError>) {
    let is_unknown = |initial: &InitialState| initial.start_offset == UNKNOWN;
    let unknown: Initialize = initialize.iter().filter(|(_, initial)| is_unknown(initial)).cloned().collect();
    let mut failed = BTreeMap::new();
    if !unknown.is_empty() {
        let answers = cx.persister.initialize(unknown).await.into_iter();
        failed
            .extend(answers.filter_map(|(key, answer)| Some(((key.topic_id, key.partition), answer.err()?))));
    }
    let left = initialize.into_iter().filter(|(key, _)| !failed.contains_key(&(key.topic_id, key.partition)));
    let anew = left.map(|(key, initial)| {
        let state_epoch = if is_unknown(&initial) { NO_EPOCH } else { initial.state_epoch };
        (key, InitialState { state_epoch, ..initial })
    });
    (anew.collect(), failed)
}
