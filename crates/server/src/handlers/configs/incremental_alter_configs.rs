//! IncrementalAlterConfigs (key 44), v0–1: sets, deletes, extends and shortens single values (KIP-339). Decided by the
//! controller; keys of brokers are checked by the broker first, and log levels (KIP-412) are its own affair.
//!
//! A request that comes to a controller's listener goes to the controller unchecked, as in Kafka.

use std::collections::{BTreeMap, BTreeSet};

use klamm_config::{
    alter::{KeyAlteration, Operation, ResourceKind},
    broker::CORDONED_LOG_DIRS,
};
use klamm_metadata::image::{MetadataImage, ResourceType};
use klamm_protocol::api::incremental_alter_configs::{
    AlterConfigsResource, AlterConfigsResourceResponse, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
};

use super::{
    Altered, ConfigsContext, check_addressed, invalid, is_past_brokers, null_values, own_keys,
    verdict::{Decided, Verdict, merged},
};
use crate::{broker_loggers, dispatch::Call, error::ApiError};

/// Answers IncrementalAlterConfigs.
pub async fn handle(
    cx: &ConfigsContext,
    call: &Call,
    mut request: IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
    let all = std::mem::take(&mut request.resources);
    let mut here: Vec<Option<Verdict>> = Vec::with_capacity(all.len());
    for resource in &all {
        let checked = if call.connection.is_controller_listener {
            cx.check_for_controller(call, resource, request.validate_only)
        } else {
            cx.check(resource, &all, request.validate_only)
        };
        let verdict = match checked {
            // Done here, and not for the controller.
            Ok(ResourceKind::BrokerLogger) => Some(Verdict::default()),
            Ok(_) => None,
            Err(error) => Some(error.into()),
        };
        if verdict.is_none() {
            request.resources.push(resource.clone());
        }
        here.push(verdict);
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
    IncrementalAlterConfigsResponse { responses: responses.collect(), ..Default::default() }
}

async fn decide(cx: &ConfigsContext, call: &Call, request: IncrementalAlterConfigsRequest) -> Decided {
    if request.resources.is_empty() {
        return Ok(BTreeMap::new());
    }
    let answer = cx.node.controller.incremental_alter_configs(request.clone(), call).await?;
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
        // Who has cordoned a log directory expects that the controller places nothing in it from now on.
        let cordons = taken.iter().any(|resource| {
            resource.resource_name.as_str() == cx.node.id.to_string()
                && resource.configs.iter().any(|config| config.name.as_str() == CORDONED_LOG_DIRS.name())
        });
        let is_told = |image: &MetadataImage| {
            let version = image.features.metadata_version_or_minimum();
            let registered = image.cluster.brokers.get(&cx.node.id);
            !version.is_cordoned_log_dirs_supported()
                || registered
                    .is_none_or(|broker| broker.cordoned_log_dirs == Some(cx.node.log_dirs.cordoned()))
        };
        cx.node
            .applied(|image| {
                taken.iter().all(|resource| has(image, resource)) && (!cordons || is_told(image))
            })
            .await;
    }
    Ok(verdicts)
}

/// Whether an image shows what an alteration of a resource has brought.
fn has(image: &MetadataImage, resource: &AlterConfigsResource) -> bool {
    let Some(resource_type) = ResourceType::from_code(resource.resource_type) else { return true };
    let own = own_keys(image, resource_type, &resource.resource_name);
    resource.configs.iter().all(|config| {
        let (is, given) = (own.get(config.name.as_str()), config.value.as_deref().unwrap_or_default());
        let items = |text: &str| text.split(',').map(str::to_owned).collect::<BTreeSet<_>>();
        match Operation::from_code(config.config_operation) {
            Some(Operation::Set) => is.is_some_and(|is| is == given),
            Some(Operation::Delete) => is.is_none(),
            Some(Operation::Append) => is.is_some_and(|is| items(given).is_subset(&items(is))),
            Some(Operation::Subtract) => is.is_none_or(|is| items(given).is_disjoint(&items(is))),
            None => true,
        }
    })
}

impl ConfigsContext {
    /// What a controller's listener takes comes from a broker, which has checked its own keys, or from somebody who goes
    /// past the brokers. Only log levels are this node's own affair then.
    fn check_for_controller(
        &self,
        call: &Call,
        resource: &AlterConfigsResource,
        validate_only: bool,
    ) -> Result<ResourceKind, ApiError> {
        let kind = ResourceKind::from_code(resource.resource_type);
        if kind == Some(ResourceKind::Broker) && is_past_brokers(call) {
            let altered = alterations(resource)?;
            self.check_past_brokers(&resource.resource_name, Altered::Incrementally(&altered))?;
        }
        if kind == Some(ResourceKind::BrokerLogger) {
            broker_loggers::alter(
                self.node.id,
                &resource.resource_name,
                &alterations(resource)?,
                validate_only,
            )?;
            return Ok(ResourceKind::BrokerLogger);
        }
        // Anything but a logger is for the controller to judge, kinds that are not known included.
        Ok(ResourceKind::Topic)
    }

    fn check(
        &self,
        resource: &AlterConfigsResource,
        all: &[AlterConfigsResource],
        validate_only: bool,
    ) -> Result<ResourceKind, ApiError> {
        let kind = check_addressed(
            (resource.resource_type, &resource.resource_name),
            all.iter().map(|r| (r.resource_type, &r.resource_name)),
            resource.configs.iter().map(|c| &c.name),
        )?;
        let is_null = |c: &&klamm_protocol::api::incremental_alter_configs::AlterableConfig| {
            c.value.is_none() && Operation::from_code(c.config_operation) != Some(Operation::Delete)
        };
        null_values(resource.configs.iter().filter(is_null).map(|c| &c.name))?;
        match kind {
            ResourceKind::Broker => {
                self.check_broker(&resource.resource_name, Altered::Incrementally(&alterations(resource)?))?;
            }
            ResourceKind::BrokerLogger => {
                broker_loggers::alter(
                    self.node.id,
                    &resource.resource_name,
                    &alterations(resource)?,
                    validate_only,
                )?;
            }
            ResourceKind::Topic | ResourceKind::ClientMetrics | ResourceKind::Group => {}
        }
        Ok(kind)
    }
}

fn alterations(resource: &AlterConfigsResource) -> Result<Vec<KeyAlteration>, ApiError> {
    let alteration = |config: &klamm_protocol::api::incremental_alter_configs::AlterableConfig| {
        let operation = Operation::from_code(config.config_operation)
            .ok_or_else(|| invalid(format!("Unknown operations type {}", config.config_operation)))?;
        let value = config.value.as_ref().map(ToString::to_string);
        Ok(KeyAlteration { name: config.name.to_string(), operation, value })
    };
    resource.configs.iter().map(alteration).collect()
}
