//! AlterConfigs (key 33), v0–2: replaces all values of a resource. Deprecated for IncrementalAlterConfigs, since two
//! clients that read, change and write undo each other's work (KIP-339). Decided by the controller; keys of brokers are
//! checked by the broker first.

use std::collections::BTreeMap;

use klamm_config::alter::ResourceKind;
use klamm_metadata::image::{MetadataImage, ResourceType};
use klamm_protocol::api::alter_configs::{
    AlterConfigsRequest, AlterConfigsResource, AlterConfigsResourceResponse, AlterConfigsResponse,
    AlterableConfig,
};

use super::{
    Altered, ConfigsContext, check_addressed, invalid, is_past_brokers, null_values, own_keys,
    verdict::{Decided, Verdict, merged},
};
use crate::{dispatch::Call, error::ApiError};

/// Answers AlterConfigs.
pub async fn handle(
    cx: &ConfigsContext,
    call: &Call,
    mut request: AlterConfigsRequest,
) -> AlterConfigsResponse {
    let all = std::mem::take(&mut request.resources);
    let mut here: Vec<Option<Verdict>> = Vec::with_capacity(all.len());
    for resource in &all {
        // What a controller's listener takes has been checked by a broker, or is for the controller to judge.
        let is_checked = call.connection.is_controller_listener;
        let is_broker = ResourceKind::from_code(resource.resource_type) == Some(ResourceKind::Broker);
        let refusal = if is_broker && is_past_brokers(call) {
            cx.check_past_brokers(&resource.resource_name, Altered::Replaced(given(resource))).err()
        } else if is_checked {
            None
        } else {
            cx.check_replacement(resource, &all).err()
        };
        if refusal.is_none() {
            request.resources.push(resource.clone());
        }
        here.push(refusal.map(Verdict::from));
    }
    let decided = decide(cx, call, request).await;
    let resources = all.into_iter().map(|r| (r.resource_type, r.resource_name)).zip(here);
    let responses = merged(resources, &decided).map(|((resource_type, resource_name), verdict)| {
        let Verdict { error_code, error_message } = verdict;
        AlterConfigsResourceResponse {
            error_code,
            error_message,
            resource_type,
            resource_name,
            ..Default::default()
        }
    });
    AlterConfigsResponse { responses: responses.collect(), ..Default::default() }
}

async fn decide(cx: &ConfigsContext, call: &Call, request: AlterConfigsRequest) -> Decided {
    if request.resources.is_empty() {
        return Ok(BTreeMap::new());
    }
    let answer = cx.node.controller.alter_configs(request.clone(), call).await?;
    let responses = answer.responses.into_iter();
    let verdict = |r: AlterConfigsResourceResponse| Verdict {
        error_code: r.error_code,
        error_message: r.error_message,
    };
    let verdicts: BTreeMap<_, _> =
        responses.map(|r| ((r.resource_type, r.resource_name.clone()), verdict(r))).collect();
    if !request.validate_only {
        let is_taken = |r: &&AlterConfigsResource| {
            verdicts.get(&(r.resource_type, r.resource_name.clone())).is_some_and(|v| v.error_code == 0)
        };
        let taken: Vec<_> = request.resources.iter().filter(is_taken).collect();
        cx.node.applied(|image| taken.iter().all(|resource| has(image, resource))).await;
    }
    Ok(verdicts)
}

/// Whether an image shows exactly the keys that a resource was given.
fn has(image: &MetadataImage, resource: &AlterConfigsResource) -> bool {
    ResourceType::from_code(resource.resource_type).is_none_or(|resource_type| {
        own_keys(image, resource_type, &resource.resource_name) == given(resource)
    })
}

fn given(resource: &AlterConfigsResource) -> BTreeMap<String, String> {
    let pair = |c: &AlterableConfig| {
        (c.name.to_string(), c.value.as_ref().map(ToString::to_string).unwrap_or_default())
    };
    resource.configs.iter().map(pair).collect()
}

impl ConfigsContext {
    fn check_replacement(
        &self,
        resource: &AlterConfigsResource,
        all: &[AlterConfigsResource],
    ) -> Result<(), ApiError> {
        let kind = check_addressed(
            (resource.resource_type, &resource.resource_name),
            all.iter().map(|r| (r.resource_type, &r.resource_name)),
            resource.configs.iter().map(|c| &c.name),
        )?;
        null_values(resource.configs.iter().filter(|c| c.value.is_none()).map(|c| &c.name))?;
        match kind {
            ResourceKind::Broker => {
                self.check_broker(&resource.resource_name, Altered::Replaced(given(resource)))
            }
            ResourceKind::BrokerLogger => {
                Err(invalid(format!("Unknown resource type {}", resource.resource_type)))
            }
            ResourceKind::Topic | ResourceKind::ClientMetrics | ResourceKind::Group => Ok(()),
        }
    }
}
