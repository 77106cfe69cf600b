//! InitializeShareGroupState (key 83), v0: gives share partitions a state to begin with; from group coordinators to share
//! coordinators (KIP-932).

use klamm_coordinator::share::{InitialState, ShareStateReply, ShareStateRequest};
use klamm_protocol::api::initialize_share_group_state::{
    InitializeShareGroupStateRequest, InitializeShareGroupStateResponse, PartitionData, PartitionResult,
};

use super::{ShareContext, coordinate, error_of, refusal_of, state_api};
use crate::dispatch::Call;

/// Answers InitializeShareGroupState.
pub async fn handle(
    cx: &ShareContext,
    _call: &Call,
    request: InitializeShareGroupStateRequest,
) -> InitializeShareGroupStateResponse {
    coordinate(cx, &request).await
}

state_api! {
    initialize_share_group_state InitializeShareGroupStateRequest InitializeStateData
    InitializeShareGroupStateResponse InitializeStateResult
}

fn asked_of(data: &PartitionData) -> ShareStateRequest {
    ShareStateRequest::Initialize(InitialState {
        state_epoch: data.state_epoch,
        start_offset: data.start_offset,
    })
}

fn partition_data(partition: i32, request: &ShareStateRequest) -> Option<PartitionData> {
    let ShareStateRequest::Initialize(InitialState { state_epoch, start_offset }) = *request else {
        return None;
    };
    Some(PartitionData { partition, state_epoch, start_offset, ..Default::default() })
}

fn partition_result(partition: i32, reply: &ShareStateReply) -> PartitionResult {
    let (error_code, error_message) = error_of(reply);
    PartitionResult { partition, error_code, error_message, ..Default::default() }
}

fn reply_of(result: &PartitionResult) -> ShareStateReply {
    let refusal = refusal_of(result.error_code, result.error_message.as_ref());
    ShareStateReply::Done(refusal.map_or(Ok(()), Err))
}
