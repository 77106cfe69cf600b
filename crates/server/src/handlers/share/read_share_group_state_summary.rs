//! ReadShareGroupStateSummary (key 87), v0–1: reads how far share partitions are; from group coordinators to share
//! coordinators (KIP-932).
//!
//! * v1 count of completed deliveries (KIP-1226)

use klamm_coordinator::share::{ShareStateReply, ShareStateRequest, StateSummary};
use klamm_protocol::api::read_share_group_state_summary::{
    PartitionData, PartitionResult, ReadShareGroupStateSummaryRequest, ReadShareGroupStateSummaryResponse,
};

use super::{ShareContext, coordinate, error_of, refusal_of, state_api};
use crate::dispatch::Call;

/// Answers ReadShareGroupStateSummary.
pub async fn handle(
    cx: &ShareContext,
    _call: &Call,
    request: ReadShareGroupStateSummaryRequest,
) -> ReadShareGroupStateSummaryResponse {
    coordinate(cx, &request).await
}

state_api! {
    read_share_group_state_summary ReadShareGroupStateSummaryRequest ReadStateSummaryData
    ReadShareGroupStateSummaryResponse ReadStateSummaryResult
}

/// Whoever asks does not have to be a leader: the leader epoch in the request is not looked at.
fn asked_of(_data: &PartitionData) -> ShareStateRequest {
    ShareStateRequest::ReadSummary
}

fn partition_data(partition: i32, request: &ShareStateRequest) -> Option<PartitionData> {
    let data = || PartitionData { partition, leader_epoch: -1, ..Default::default() };
    (*request == ShareStateRequest::ReadSummary).then(data)
}

fn partition_result(partition: i32, reply: &ShareStateReply) -> PartitionResult {
    let (error_code, error_message) = error_of(reply);
    let mut result = PartitionResult { partition, error_code, error_message, ..Default::default() };
    if let ShareStateReply::Summary(Ok(summary)) = reply {
        result.state_epoch = summary.state_epoch;
        result.leader_epoch = summary.leader_epoch;
        result.start_offset = summary.start_offset;
        result.delivery_complete_count = summary.delivery_complete_count;
    }
    result
}

fn reply_of(result: &PartitionResult) -> ShareStateReply {
    let refusal = refusal_of(result.error_code, result.error_message.as_ref());
    let summary = StateSummary {
        state_epoch: result.state_epoch,
        leader_epoch: result.leader_epoch,
        start_offset: result.start_offset,
        delivery_complete_count: result.delivery_complete_count,
    };
    ShareStateReply::Summary(refusal.map_or(Ok(summary), Err))
}
