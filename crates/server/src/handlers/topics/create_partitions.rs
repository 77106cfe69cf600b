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
    let validate_only = request.validate_only;
    let wanted: Vec<_> = request.topics.iter().map(|topic| (topic.name.clone(), topic.count)).collect();
    match cx.node.controller.create_partitions(request, call.api_version).await {
        Ok(response) => {
            if !validate_only {
                let grown = response.results.iter().filter(|topic| topic.error_code == 0);
                let grown: Vec<_> =
                    grown.filter_map(|topic| wanted.iter().find(|(name, _)| *name == topic.name)).collect();
                cx.node
                    .applied(|image| {
                        grown.iter().all(|(name, count)| image.topics.partition(name, count - 1).is_some())
                    })
                    .await;
            }
            response
        }
        Err(error) => CreatePartitionsResponse {
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
        },
    }
}
