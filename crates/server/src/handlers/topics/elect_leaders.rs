//! ElectLeaders (key 43), v0–2: elects preferred leaders (KIP-183), or any replica where there is none (KIP-460). Decided by
//! the controller.

use klamm_protocol::api::elect_leaders::{
    ElectLeadersRequest, ElectLeadersResponse, PartitionResult, ReplicaElectionResult,
};

use super::TopicsContext;
use crate::dispatch::Call;

/// Answers ElectLeaders.
pub async fn handle(cx: &TopicsContext, call: &Call, request: ElectLeadersRequest) -> ElectLeadersResponse {
    let asked = request.topic_partitions.clone().unwrap_or_default();
    let answer = cx.node.controller.elect_leaders(request, call).await;
    answer.unwrap_or_else(|error| ElectLeadersResponse {
        error_code: error.code().code(),
        // v0 has no error for the whole.
        replica_election_results: asked
            .into_iter()
            .map(|topic| ReplicaElectionResult {
                topic: topic.topic,
                partition_result: topic
                    .partitions
                    .into_iter()
                    .map(|partition_id| PartitionResult {
                        partition_id,
                        error_code: error.code().code(),
                        error_message: Some(error.to_string().into()),
                        ..Default::default()
                    })
                    .collect(),
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    })
}
