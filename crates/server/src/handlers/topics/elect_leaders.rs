//! ElectLeaders (key 43), v0–2: elects preferred leaders (KIP-183), or any replica where there is none (KIP-460). Decided by
//! the controller.
//!
//! * v1  kinds of election, an error for the whole

use klamm_controller::{ApiError, partitions::refuse_elections};
use klamm_protocol::api::elect_leaders::{ElectLeadersRequest, ElectLeadersResponse};

use super::TopicsContext;
use crate::dispatch::Call;

/// Answers ElectLeaders.
pub async fn handle(cx: &TopicsContext, call: &Call, request: ElectLeadersRequest) -> ElectLeadersResponse {
    let answer = cx.node.controller.elect_leaders(request.clone(), call).await;
    let answer = answer
        .unwrap_or_else(|error| refuse_elections(&request, &ApiError::new(error.code(), error.to_string())));
    in_version(answer, call.api_version)
}

/// Leaves out what a version cannot say; the partitions have it too.
fn in_version(mut answer: ElectLeadersResponse, version: i16) -> ElectLeadersResponse {
    if version < 1 {
        answer.error_code = 0;
    }
    answer
}

#[cfg(test)]
mod tests {
    use klamm_protocol::{ErrorCode, Message, Writer, api::elect_leaders::TopicPartitions};

    use super::*;

    #[test]
    fn a_refusal_can_be_told_in_every_version() {
        let topic = TopicPartitions { topic: "t".into(), partitions: vec![3], ..Default::default() };
        let request = ElectLeadersRequest { topic_partitions: Some(vec![topic]), ..Default::default() };
        let error = ErrorCode::NotController;
        for version in 0..=2 {
            let refused = refuse_elections(&request, &ApiError::new(error, "not here"));
            let answer = in_version(refused, version);
            assert_eq!(answer.error_code, if version == 0 { 0 } else { error.code() });
            let partition = &answer.replica_election_results[0].partition_result[0];
            assert_eq!((partition.partition_id, partition.error_code), (3, error.code()));
            assert_eq!(partition.error_message.as_deref(), Some("not here"));
            assert_eq!(answer.encode(&mut Writer::new(), version), Ok(()), "version {version}");
        }
    }
}
