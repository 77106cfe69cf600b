//! AlterPartitionReassignments (key 45), v0–1: moves partitions to other brokers (KIP-455).
//!
//! * v1  may forbid that the replication factor changes (KIP-860)
//!
//! Decided by the controller.

use klamm_protocol::api::alter_partition_reassignments::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse,
};

use super::TopicsContext;
use crate::dispatch::Call;

/// Answers AlterPartitionReassignments.
pub async fn handle(
    cx: &TopicsContext,
    call: &Call,
    request: AlterPartitionReassignmentsRequest,
) -> AlterPartitionReassignmentsResponse {
    let answer = cx.node.controller.alter_partition_reassignments(request, call).await;
    answer.unwrap_or_else(|error| AlterPartitionReassignmentsResponse {
        error_code: error.code().code(),
        error_message: Some(error.to_string().into()),
        ..Default::default()
    })
}
