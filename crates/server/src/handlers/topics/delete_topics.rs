//! DeleteTopics (key 20), v1–6. Decided by the controller; the files go later, after `file.delete.delay.ms`.
//!
//! * v5  THROTTLING_QUOTA_EXCEEDED (KIP-599)
//! * v6  topics by id (KIP-516)
//!
//! `delete.topic.enable=false` of the controller refuses with TOPIC_DELETION_DISABLED, before v3 with INVALID_REQUEST (KIP-322).

use std::sync::Arc;

use klamm_metadata::image::{MetadataImage, Topic};
use klamm_protocol::{
    ErrorCode,
    api::delete_topics::{DeletableTopicResult, DeleteTopicsRequest, DeleteTopicsResponse},
};

use super::{TopicsContext, mutations::Mutations};
use crate::dispatch::Call;

const STRICT_SINCE: i16 = 5;

/// Answers DeleteTopics.
pub async fn handle(
    cx: &TopicsContext,
    call: &Call,
    mut request: DeleteTopicsRequest,
) -> DeleteTopicsResponse {
    let mut mutations = Mutations::new(&cx.node, call, STRICT_SINCE);
    let before = cx.node.metadata.load();
    let mut take = |topic: Option<&Arc<Topic>>| {
        topic.map_or(Ok(()), |topic| mutations.take(&topic.name, topic.partitions.size()))
    };
    let mut over = DeleteTopicsRequest::default();
    request.topic_names.retain(|name| {
        let is_allowed = take(before.image.topics.by_name(name)).is_ok();
        over.topic_names.extend((!is_allowed).then(|| name.clone()));
        is_allowed
    });
    request.topics.retain(|state| {
        let topics = &before.image.topics;
        let known =
            state.name.as_ref().map_or_else(|| topics.by_id(&state.topic_id), |name| topics.by_name(name));
        let is_allowed = take(known).is_ok();
        over.topics.extend((!is_allowed).then(|| state.clone()));
        is_allowed
    });
    let mut response = if request.topics.is_empty() && request.topic_names.is_empty() {
        DeleteTopicsResponse::default()
    } else {
        decided(cx, call, request, &before.image).await
    };
    response.throttle_time_ms = response.throttle_time_ms.max(mutations.settle(|name| {
        let is_this = |result: &&DeletableTopicResult| match &result.name {
            Some(other) => other == name,
            None => before.image.topics.by_id(&result.topic_id).is_some_and(|topic| topic.name == *name),
        };
        response.responses.iter().find(is_this).is_some_and(|result| result.error_code == 0)
    }));
    let code = ErrorCode::ThrottlingQuotaExceeded;
    response.responses.extend(refused(&over, code, code.default_message()).responses);
    response
}

async fn decided(
    cx: &TopicsContext,
    call: &Call,
    request: DeleteTopicsRequest,
    before: &MetadataImage,
) -> DeleteTopicsResponse {
    match cx.node.controller.delete_topics(request.clone(), call).await {
        Ok(response) => {
            let deleted = response.responses.iter().filter(|topic| topic.error_code == 0);
            let ids: Vec<_> = deleted
                .filter_map(|topic| match &topic.name {
                    Some(name) => before.topics.by_name(name).map(|topic| topic.id),
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
