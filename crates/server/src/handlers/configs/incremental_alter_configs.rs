//! IncrementalAlterConfigs (key 44), v0–1: sets, deletes, extends and shortens single values (KIP-339). Decided by the
//! controller; keys of brokers are checked by the broker first, and log levels (KIP-412) are its own affair.
//!
//! A request that comes to a controller's listener goes to the controller unchecked, as in Kafka.

use klamm_config::alter::{KeyAlteration, Operation, ResourceKind};
use klamm_protocol::{
    ErrorCode, StrBytes,
    api::incremental_alter_configs::{
        AlterConfigsResource, AlterConfigsResourceResponse, IncrementalAlterConfigsRequest,
        IncrementalAlterConfigsResponse,
    },
};

use super::{Altered, ConfigsContext, check_addressed, invalid, null_values};
use crate::{broker_loggers, dispatch::Call, error::ApiError};

/// Answers IncrementalAlterConfigs.
pub async fn handle(
    cx: &ConfigsContext,
    call: &Call,
    mut request: IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
    let all = std::mem::take(&mut request.resources);
    let mut answers: Vec<Option<AlterConfigsResourceResponse>> = Vec::with_capacity(all.len());
    for resource in &all {
        let checked = if call.connection.is_controller_listener {
            cx.check_for_controller(resource, request.validate_only)
        } else {
            cx.check(resource, &all, request.validate_only)
        };
        let answer = match checked {
            // Done here, and not for the controller.
            Ok(ResourceKind::BrokerLogger) => Some(answer(resource, ErrorCode::None, None)),
            Ok(_) => None,
            Err(error) => Some(answer(resource, error.code, Some(error.message.as_ref().into()))),
        };
        if answer.is_none() {
            request.resources.push(resource.clone());
        }
        answers.push(answer);
    }
    let mut decided = if request.resources.is_empty() {
        Vec::new()
    } else {
        let command = cx.node.controller.incremental_alter_configs(request.clone(), call.api_version).await;
        match cx.settled(command).await {
            Ok(response) => response.responses,
            Err(error) => {
                let refused = |r| answer(r, error.code(), Some(error.to_string().into()));
                request.resources.iter().map(refused).collect()
            }
        }
    };
    let responses = all.iter().zip(answers).map(|(resource, answered)| match answered {
        Some(answer) => answer,
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
    IncrementalAlterConfigsResponse { responses: responses.collect(), ..Default::default() }
}

impl ConfigsContext {
    /// What a controller's listener takes comes from a broker, which has checked its own keys, or from somebody who goes
    /// past the brokers. Only log levels are this node's own affair then.
    fn check_for_controller(
        &self,
        resource: &AlterConfigsResource,
        validate_only: bool,
    ) -> Result<ResourceKind, ApiError> {
        if ResourceKind::from_code(resource.resource_type) == Some(ResourceKind::BrokerLogger) {
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
