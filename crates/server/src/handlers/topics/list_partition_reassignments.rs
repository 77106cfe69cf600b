//! ListPartitionReassignments (key 46), v0: tells which partitions are being moved (KIP-455). Answered by the controller.

use klamm_protocol::api::list_partition_reassignments::{
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
};

use super::TopicsContext;
use crate::dispatch::Call;

/// Answers ListPartitionReassignments.
pub async fn handle(
    cx: &TopicsContext,
    call: &Call,
    request: ListPartitionReassignmentsRequest,
) -> ListPartitionReassignmentsResponse {
    let answer = cx.node.controller.list_partition_reassignments(request, call).await;
    answer.unwrap_or_else(|error| ListPartitionReassignmentsResponse {
        error_code: error.code().code(),
        error_message: Some(error.to_string().into()),
        ..Default::default()
    })
}
