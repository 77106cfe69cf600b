//! CreatePartitions (key 37), v0–3. Decided by the controller.
//!
//! * v3  THROTTLING_QUOTA_EXCEEDED (KIP-599)

use klamm_protocol::{
    ErrorCode, StrBytes,
    api::create_partitions::{
        CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopicResult,
    },
};

use super::{TopicsContext, mutations::Mutations};
use crate::dispatch::Call;

const STRICT_SINCE: i16 = 3;

/// Answers CreatePartitions.
pub async fn handle(
    cx: &TopicsContext,
    call: &Call,
    mut request: CreatePartitionsRequest,
) -> CreatePartitionsResponse {
    let mut mutations = Mutations::new(&cx.node, call, STRICT_SINCE);
    let published = cx.node.metadata.load();
    let mut refused = Vec::new();
    request.topics.retain(|topic| {
        let Some(known) = published.image.topics.by_name(&topic.name) else { return true };
        let more = usize::try_from(topic.count).unwrap_or(0).saturating_sub(known.partitions.size());
        let Err(code) = mutations.take(&topic.name, more) else { return true };
        refused.push(failed(topic.name.clone(), code, code.default_message()));
        false
    });
    let mut response = decided(cx, call, request).await;
    response.throttle_time_ms =
        response.throttle_time_ms.max(mutations.settle(|name| {
            response.results.iter().any(|topic| topic.name == *name && topic.error_code == 0)
        }));
    response.results.extend(refused);
    response
}

fn failed(name: StrBytes, code: ErrorCode, message: &str) -> CreatePartitionsTopicResult {
    CreatePartitionsTopicResult {
        name,
        error_code: code.code(),
        error_message: Some(message.into()),
        ..Default::default()
    }
}

async fn decided(
    cx: &TopicsContext,
    call: &Call,
    request: CreatePartitionsRequest,
) -> CreatePartitionsResponse {
    if request.topics.is_empty() {
        return CreatePartitionsResponse::default();
    }
    let names: Vec<_> = request.topics.iter().map(|topic| topic.name.clone()).collect();
    let validate_only = request.validate_only;
    let wanted: Vec<_> = request.topics.iter().map(|topic| (topic.name.clone(), topic.count)).collect();
    match cx.node.controller.create_partitions(request, call).await {
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
            results: names.into_iter().map(|name| failed(name, error.code(), &error.to_string())).collect(),
            ..Default::default()
        },
    }
}
