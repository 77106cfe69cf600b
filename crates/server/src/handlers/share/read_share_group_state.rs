//! ReadShareGroupState (key 84), v0: reads the state of share partitions; from their new leaders to share coordinators,
//! which then know of the leader epoch (KIP-932).

use klamm_coordinator::share::{ShareState, ShareStateReply, ShareStateRequest};
use klamm_protocol::api::read_share_group_state::{
    PartitionData, PartitionResult, ReadShareGroupStateRequest, ReadShareGroupStateResponse,
};

use super::{ShareContext, coordinate, error_of, refusal_of, state_api};
use crate::dispatch::Call;

/// Answers ReadShareGroupState.
pub async fn handle(
    cx: &ShareContext,
    _call: &Call,
    request: ReadShareGroupStateRequest,
) -> ReadShareGroupStateResponse {
    coordinate(cx, &request).await
}

state_api! {
    read_share_group_state ReadShareGroupStateRequest ReadStateData
    ReadShareGroupStateResponse ReadStateResult
}

fn asked_of(data: &PartitionData) -> ShareStateRequest {
    ShareStateRequest::Read { leader_epoch: data.leader_epoch }
}

fn partition_data(partition: i32, request: &ShareStateRequest) -> Option<PartitionData> {
    let ShareStateRequest::Read { leader_epoch } = *request else { return None };
    Some(PartitionData { partition, leader_epoch, ..Default::default() })
}

fn partition_result(partition: i32, reply: &ShareStateReply) -> PartitionResult {
    let (error_code, error_message) = error_of(reply);
    let mut result = PartitionResult { partition, error_code, error_message, ..Default::default() };
    if let ShareStateReply::State(Ok(state)) = reply {
        result.state_epoch = state.state_epoch;
        result.start_offset = state.start_offset;
        result.state_batches = state.state_batches.iter().map(|batch| (*batch).into()).collect();
    }
    result
}

fn reply_of(result: &PartitionResult) -> ShareStateReply {
    let refusal = refusal_of(result.error_code, result.error_message.as_ref());
    let state = || ShareState {
        state_epoch: result.state_epoch,
        start_offset: result.start_offset,
        state_batches: result.state_batches.iter().map(Into::into).collect(),
    };
    ShareStateReply::State(refusal.map_or_else(|| Ok(state()), Err))
}
