//! AlterConfigs (key 33), v0–2: replaces all values of a resource. Deprecated for IncrementalAlterConfigs, since two
//! clients that read, change and write undo each other's work (KIP-339). Decided by the controller; keys of brokers are
//! checked by the broker first.

use klamm_config::alter::ResourceKind;
use klamm_protocol::{
    ErrorCode, StrBytes,
    api::alter_configs::{
        AlterConfigsRequest, AlterConfigsResource, AlterConfigsResourceResponse, AlterConfigsResponse,
    },
};

use super::{Altered, ConfigsContext, check_addressed, invalid, null_values};
use crate::{dispatch::Call, error::ApiError};

/// Answers AlterConfigs.
pub async fn handle(
    cx: &ConfigsContext,
    call: &Call,
    mut request: AlterConfigsRequest,
) -> AlterConfigsResponse {
    let all = std::mem::take(&mut request.resources);
    let mut refusals: Vec<Option<ApiError>> = Vec::with_capacity(all.len());
    for resource in &all {
        // What a controller's listener takes has been checked by a broker, or is for the controller to judge.
        let is_checked = call.connection.is_controller_listener;
        let refusal = if is_checked { None } else { cx.check_replacement(resource, &all).err() };
        if refusal.is_none() {
            request.resources.push(resource.clone());
        }
        refusals.push(refusal);
    }
    let mut decided = if request.resources.is_empty() {
        Vec::new()
    } else {
        let command = cx.node.controller.alter_configs(request.clone(), call.api_version).await;
        match cx.settled(command).await {
            Ok(response) => response.responses,
            Err(error) => {
                let refused = |r| answer(r, error.code(), Some(error.to_string().into()));
                request.resources.iter().map(refused).collect()
            }
        }
    };
    let responses = all.iter().zip(refusals).map(|(resource, refusal)| match refusal {
        Some(error) => answer(resource, error.code, Some(error.message.as_ref().into())),
        None => {
            let is_this = |r: &AlterConfigsResourceResponse| {
                r.resource_type == resource.resource_type && r.resource_name == resource.resource_name
            };
            match decided.iter().position(is_this) {
                Some(at) => decided.swap_remove(at),
                None => answer(resource, ErrorCode::UnknownServerError, None),
            }
        }
    });
    AlterConfigsResponse { responses: responses.collect(), ..Default::default() }
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
                let pair = |c: &klamm_protocol::api::alter_configs::AlterableConfig| {
                    (c.name.to_string(), c.value.as_ref().map(ToString::to_string).unwrap_or_default())
                };
                let new = resource.configs.iter().map(pair).collect();
                self.check_broker(&resource.resource_name, Altered::Replaced(new))
            }
            ResourceKind::BrokerLogger => {
                Err(invalid(format!("Unknown resource type {}", resource.resource_type)))
            }
            ResourceKind::Topic | ResourceKind::ClientMetrics | ResourceKind::Group => Ok(()),
        }
    }
}

fn answer(
    resource: &AlterConfigsResource,
    code: ErrorCode,
    error_message: Option<StrBytes>,
) -> AlterConfigsResourceResponse {
    AlterConfigsResourceResponse {
        error_code: code.code(),
        error_message,
        resource_type: resource.resource_type,
        resource_name: resource.resource_name.clone(),
        ..Default::default()
    }
}
