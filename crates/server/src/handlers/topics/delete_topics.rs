//! DeleteTopics (key 20), v1–6. Decided by the controller; the files go later, after `file.delete.delay.ms`.
//!
//! * v6  topics by id (KIP-516)
//!
//! `delete.topic.enable=false` refuses with TOPIC_DELETION_DISABLED, before v3 with INVALID_REQUEST (KIP-322).

use klamm_config::broker;
use klamm_protocol::{
    ErrorCode,
    api::delete_topics::{DeletableTopicResult, DeleteTopicsRequest, DeleteTopicsResponse},
};

use super::TopicsContext;
use crate::dispatch::Call;

/// Answers DeleteTopics.
pub async fn handle(cx: &TopicsContext, call: &Call, request: DeleteTopicsRequest) -> DeleteTopicsResponse {
    if !cx.node.config.load().get(&broker::DELETE_TOPIC_ENABLE) {
        let code =
            if call.api_version < 3 { ErrorCode::InvalidRequest } else { ErrorCode::TopicDeletionDisabled };
        return refused(&request, code, "delete.topic.enable is false on this cluster");
    }
    let before = cx.node.metadata.load();
    match cx.node.controller.delete_topics(request.clone(), call.api_version).await {
        Ok(response) => {
            let deleted = response.responses.iter().filter(|topic| topic.error_code == 0);
            let ids: Vec<_> = deleted
                .filter_map(|topic| match &topic.name {
                    Some(name) => before.image.topics.by_name(name).map(|topic| topic.id),
                    None => Some(topic.topic_id),
                })
                .collect();
            cx.node.applied(|image| ids.iter().all(|id| image.topics.by_id(id).is_none())).await;
            response
        }
        Err(error) => refused(&request, error.code(), &error.to_string()),
    }
}

fn refused(request: &DeleteTopicsRequest, code: ErrorCode, message: &str) -> DeleteTopicsResponse {
    let names = request.topic_names.iter().map(|name| (Some(name.clone()), klamm_protocol::Uuid::ZERO));
    let states = request.topics.iter().map(|topic| (topic.name.clone(), topic.topic_id));
    let responses = names
        .chain(states)
        .map(|(name, topic_id)| DeletableTopicResult {
            name,
            topic_id,
            error_code: code.code(),
            error_message: Some(message.into()),
            ..Default::default()
        })
        .collect();
    DeleteTopicsResponse { responses, ..Default::default() }
}
