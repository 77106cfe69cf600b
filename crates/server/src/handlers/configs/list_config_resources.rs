//! ListConfigResources (key 74), v0–1: which resources may have configs.
//!
//! * v0  client metrics subscriptions only, under the name ListClientMetricsResources (KIP-714)
//! * v1  all kinds (KIP-1142)
//!
//! Groups and subscriptions are listed when something is set on them; topics and brokers when they exist.

use klamm_metadata::image::ResourceType;
use klamm_protocol::{
    ErrorCode, StrBytes,
    api::list_config_resources::{ConfigResource, ListConfigResourcesRequest, ListConfigResourcesResponse},
};

use super::ConfigsContext;
use crate::{dispatch::Call, handlers::cluster::alive_endpoint};

/// Answers ListConfigResources.
pub async fn handle(
    cx: &ConfigsContext,
    call: &Call,
    request: ListConfigResourcesRequest,
) -> ListConfigResourcesResponse {
    let served: &[ResourceType] = if call.api_version == 0 {
        &[ResourceType::ClientMetrics]
    } else {
        &[
            ResourceType::Group,
            ResourceType::ClientMetrics,
            ResourceType::BrokerLogger,
            ResourceType::Broker,
            ResourceType::Topic,
        ]
    };
    let is_asked = |kind: &ResourceType| {
        request.resource_types.is_empty() || request.resource_types.contains(&kind.code())
    };
    if request.resource_types.iter().any(|code| !served.iter().any(|kind| kind.code() == *code)) {
        return ListConfigResourcesResponse {
            error_code: ErrorCode::UnsupportedVersion.code(),
            ..Default::default()
        };
    }
    let kinds = served.iter().filter(|kind| is_asked(kind));
    let config_resources = kinds.flat_map(|kind| {
        let named =
            |name| ConfigResource { resource_name: name, resource_type: kind.code(), ..Default::default() };
        cx.names(*kind, call).into_iter().map(named).collect::<Vec<_>>()
    });
    ListConfigResourcesResponse { config_resources: config_resources.collect(), ..Default::default() }
}

impl ConfigsContext {
    fn names(&self, kind: ResourceType, call: &Call) -> Vec<StrBytes> {
        let published = self.node.metadata.load();
        let image = &published.image;
        match kind {
            ResourceType::Topic => image.topics.names().cloned().collect(),
            ResourceType::Broker | ResourceType::BrokerLogger => {
                let alive = image
                    .cluster
                    .brokers
                    .values()
                    .filter(|b| alive_endpoint(b, &call.connection.listener).is_some());
                alive.map(|broker| StrBytes::from(broker.id.to_string())).collect()
            }
            ResourceType::ClientMetrics | ResourceType::Group => {
                let set = image.configs.iter().filter(|(resource, _)| resource.resource_type == kind);
                set.map(|(resource, _)| resource.name.clone()).collect()
            }
        }
    }
}
