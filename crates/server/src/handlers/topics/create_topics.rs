//! CreateTopics (key 19), v2–7. Decided by the controller.
//!
//! * v4  the broker's defaults for partitions (-1) and replication factor (-1) (KIP-464)
//! * v5  the response tells the topic's partitions and configs (KIP-525)
//! * v7  the response tells the topic's id (KIP-516)

use klamm_protocol::api::create_topics::{CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse};

use super::TopicsContext;
use crate::dispatch::Call;

/// Answers CreateTopics.
pub async fn handle(cx: &TopicsContext, call: &Call, request: CreateTopicsRequest) -> CreateTopicsResponse {
    let names: Vec<_> = request.topics.iter().map(|topic| topic.name.clone()).collect();
    let validate_only = request.validate_only;
    match cx.node.controller.create_topics(request, call.api_version).await {
        Ok(response) => {
            if !validate_only {
                let created = response.topics.iter().filter(|topic| topic.error_code == 0);
                let names: Vec<_> = created.map(|topic| topic.name.clone()).collect();
                cx.node.applied(|image| names.iter().all(|name| image.topics.by_name(name).is_some())).await;
            }
            response
        }
        Err(error) => CreateTopicsResponse {
            topics: names
                .into_iter()
                .map(|name| CreatableTopicResult {
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
