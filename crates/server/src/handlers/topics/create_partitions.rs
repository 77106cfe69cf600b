//! CreatePartitions (key 37), v0–3. Decided by the controller.

use klamm_protocol::api::create_partitions::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopicResult,
};

use super::TopicsContext;
use crate::dispatch::Call;

/// Answers CreatePartitions.
pub async fn handle(
    cx: &TopicsContext,
    call: &Call,
    request: CreatePartitionsRequest,
) -> CreatePartitionsResponse {
    let names: Vec<_> = request.topics.iter().map(|topic| topic.name.clone()).collect();
    let answer = cx.node.controller.create_partitions(request, call.api_version).await;
    cx.settled(answer).await.unwrap_or_else(|error| CreatePartitionsResponse {
        results: names
            .into_iter()
            .map(|name| CreatePartitionsTopicResult {
                name,
                error_code: error.code().code(),
                error_message: Some(error.to_string().into()),
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    })
}
