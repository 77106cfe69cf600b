//! DeleteShareGroupState (key 86), v0: deletes the state of share partitions; from group coordinators to share
//! coordinators (KIP-932).

use klamm_coordinator::share::{ShareStateReply, ShareStateRequest};
use klamm_protocol::api::delete_share_group_state::{
    DeleteShareGroupStateRequest, DeleteShareGroupStateResponse, PartitionData, PartitionResult,
};

use super::{ShareContext, coordinate, error_of, refusal_of, state_api};
use crate::dispatch::Call;

/// Answers DeleteShareGroupState.
pub async fn handle(
    cx: &ShareContext,
    _call: &Call,
    request: DeleteShareGroupStateRequest,
) -> DeleteShareGroupStateResponse {
    coordinate(cx, &request).await
}

state_api! {
    delete_share_group_state DeleteShareGroupStateRequest DeleteStateData
    DeleteShareGroupStateResponse DeleteStateResult
}

fn asked_of(_data: &PartitionData) -> ShareStateRequest {
    ShareStateRequest::Delete
}

fn partition_data(partition: i32, request: &ShareStateRequest) -> Option<PartitionData> {
    (*request == ShareStateRequest::Delete).then(|| PartitionData { partition, ..Default::default() })
}

fn partition_result(partition: i32, reply: &ShareStateReply) -> PartitionResult {
    let (error_code, error_message) = error_of(reply);
    PartitionResult { partition, error_code, error_message, ..Default::default() }
}

fn reply_of(result: &PartitionResult) -> ShareStateReply {
    let refusal = refusal_of(result.error_code, result.error_message.as_ref());
    ShareStateReply::Done(refusal.map_or(Ok(()), Err))
}
