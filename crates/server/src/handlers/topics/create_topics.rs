//! CreateTopics (key 19), v2–7. Decided by the controller.
//!
//! * v4  the broker's defaults for partitions (-1) and replication factor (-1) (KIP-464)
//! * v5  the response tells the topic's partitions and configs (KIP-525)
//! * v6  THROTTLING_QUOTA_EXCEEDED (KIP-599)
//! * v7  the response tells the topic's id (KIP-516)

use klamm_config::broker;
use klamm_protocol::{
    ErrorCode, StrBytes,
    api::create_topics::{CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse},
};

use super::{TopicsContext, mutations::Mutations};
use crate::{dispatch::Call, node::Node, quorum::CommandError, topic_names};

const STRICT_SINCE: i16 = 6;

/// Answers CreateTopics.
pub async fn handle(cx: &TopicsContext, call: &Call, request: CreateTopicsRequest) -> CreateTopicsResponse {
    let names: Vec<_> = request.topics.iter().map(|topic| topic.name.clone()).collect();
    counted(&cx.node, call, request).await.unwrap_or_else(|error| CreateTopicsResponse {
        topics: names.into_iter().map(|name| failed(name, error.code(), &error.to_string())).collect(),
        ..Default::default()
    })
}

/// Has topics created, and counts their partitions against the quota of who asks, if this node is the controller.
///
/// # Errors
/// If no controller decides about it.
pub(crate) async fn counted(
    node: &Node,
    call: &Call,
    mut request: CreateTopicsRequest,
) -> Result<CreateTopicsResponse, CommandError> {
    let mut mutations = Mutations::new(node, call, STRICT_SINCE);
    let published = node.metadata.load();
    let partitions_by_default = node.config.load().get(&broker::NUM_PARTITIONS);
    let mut refused = Vec::new();
    request.topics.retain(|topic| {
        // What cannot be created the controller says.
        if published.image.topics.by_name(&topic.name).is_some() || !topic_names::is_legal(&topic.name) {
            return true;
        }
        let count = if topic.num_partitions > 0 { topic.num_partitions } else { partitions_by_default };
        let count = if topic.assignments.is_empty() {
            usize::try_from(count).unwrap_or(1)
        } else {
            topic.assignments.len()
        };
        let Err(code) = mutations.take(&topic.name, count) else { return true };
        refused.push(failed(topic.name.clone(), code, code.default_message()));
        false
    });
    let mut response = match decided(node, call, request).await {
        Ok(response) => response,
        Err(error) => {
            mutations.settle(|_| false);
            return Err(error);
        }
    };
    response.throttle_time_ms = response.throttle_time_ms.max(
        mutations
            .settle(|name| response.topics.iter().any(|topic| topic.name == *name && topic.error_code == 0)),
    );
    response.topics.extend(refused);
    Ok(response)
}

fn failed(name: StrBytes, code: ErrorCode, message: &str) -> CreatableTopicResult {
    CreatableTopicResult {
        name,
        error_code: code.code(),
        error_message: Some(message.into()),
        ..Default::default()
    }
}

async fn decided(
    node: &Node,
    call: &Call,
    request: CreateTopicsRequest,
) -> Result<CreateTopicsResponse, CommandError> {
    if request.topics.is_empty() {
        return Ok(CreateTopicsResponse::default());
    }
    let validate_only = request.validate_only;
    let response = node.controller.create_topics(request, call).await?;
    if !validate_only {
        let created = response.topics.iter().filter(|topic| topic.error_code == 0);
        let names: Vec<_> = created.map(|topic| topic.name.clone()).collect();
        node.applied(|image| names.iter().all(|name| image.topics.by_name(name).is_some())).await;
    }
    Ok(response)
}
