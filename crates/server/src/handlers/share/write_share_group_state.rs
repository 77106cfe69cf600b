//! WriteShareGroupState (key 85), v0–1: writes what has changed of the state of share partitions; from their leaders to
//! share coordinators (KIP-932).
//!
//! * v1 count of completed deliveries (KIP-1226)

use klamm_coordinator::share::{ShareStateReply, ShareStateRequest, StateWrite};
use klamm_protocol::api::write_share_group_state::{
    PartitionData, PartitionResult, WriteShareGroupStateRequest, WriteShareGroupStateResponse,
};

use super::{ShareContext, coordinate, error_of, refusal_of, state_api};
use crate::dispatch::Call;

/// Answers WriteShareGroupState.
pub async fn handle(
    cx: &ShareContext,
    _call: &Call,
    request: WriteShareGroupStateRequest,
) -> WriteShareGroupStateResponse {
    coordinate(cx, &request).await
}

state_api! {
    write_share_group_state WriteShareGroupStateRequest WriteStateData
    WriteShareGroupStateResponse WriteStateResult
}

fn asked_of(data: &PartitionData) -> ShareStateRequest {
    ShareStateRequest::Write(StateWrite {
        state_epoch: data.state_epoch,
        leader_epoch: data.leader_epoch,
        start_offset: data.start_offset,
        delivery_complete_count: data.delivery_complete_count,
        state_batches: data.state_batches.iter().map(Into::into).collect(),
    })
}

fn partition_data(partition: i32, request: &ShareStateRequest) -> Option<PartitionData> {
    let ShareStateRequest::Write(write) = request else { return None };
    Some(PartitionData {
        partition,
        state_epoch: write.state_epoch,
        leader_epoch: write.leader_epoch,
        start_offset: write.start_offset,
        delivery_complete_count: write.delivery_complete_count,
        state_batches: write.state_batches.iter().map(|batch| (*batch).into()).collect(),
        ..Default::default()
    })
}

fn partition_result(partition: i32, reply: &ShareStateReply) -> PartitionResult {
    let (error_code, error_message) = error_of(reply);
    PartitionResult { partition, error_code, error_message, ..Default::default() }
}

fn reply_of(result: &PartitionResult) -> ShareStateReply {
    let refusal = refusal_of(result.error_code, result.error_message.as_ref());
    ShareStateReply::Done(refusal.map_or(Ok(()), Err))
}
