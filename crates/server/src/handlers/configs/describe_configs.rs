//! DescribeConfigs (key 32), v1–4: the keys of topics, brokers, groups and client metrics subscriptions.
//!
//! * v3  type and documentation of a key (KIP-569)
//!
//! A broker tells its own keys only, or with an empty name what was altered for all brokers. Of a topic it tells what
//! holds on itself, its properties file included. Passwords are never told, nor values of keys that nobody knows.

use std::collections::BTreeMap;

use klamm_config::describe::{self, Described};
use klamm_metadata::image::ResourceType;
use klamm_protocol::{
    ErrorCode, StrBytes,
    api::describe_configs::{
        DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
        DescribeConfigsResponse, DescribeConfigsResult, DescribeConfigsSynonym,
    },
};

use super::{ConfigsContext, invalid, own_keys};
use crate::{broker_loggers, dispatch::Call, error::ApiError};

/// Answers DescribeConfigs.
pub async fn handle(
    cx: &ConfigsContext,
    _call: &Call,
    request: DescribeConfigsRequest,
) -> DescribeConfigsResponse {
    // A kind that is not known refuses the whole request.
    let unknown = request.resources.iter().find(|r| ResourceType::from_code(r.resource_type).is_none());
    let unknown = unknown.map(|r| {
        invalid(format!("Unexpected resource type {} for resource {}", r.resource_type, r.resource_name))
    });
    let results = request.resources.iter().map(|resource| {
        let described = match &unknown {
            Some(error) => Err(error.clone()),
            None => cx.describe(resource),
        };
        result(&request, resource, described)
    });
    DescribeConfigsResponse { results: results.collect(), ..Default::default() }
}

impl ConfigsContext {
    fn describe(&self, resource: &DescribeConfigsResource) -> Result<Vec<Described>, ApiError> {
        let name = resource.resource_name.as_str();
        let config = self.node.config.load();
        let published = self.node.metadata.load();
        let own = |kind| -> BTreeMap<String, String> { own_keys(&published.image, kind, name) };
        let need_name = |what: &str| {
            if name.is_empty() { Err(invalid(format!("{what} name must not be empty"))) } else { Ok(()) }
        };
        match ResourceType::from_code(resource.resource_type) {
            Some(ResourceType::Topic) => {
                klamm_controller::topics::names::check(name)
                    .map_err(|text| ApiError::new(ErrorCode::InvalidTopicException, text))?;
                if published.image.topics.by_name(name).is_none() {
                    return Err(ErrorCode::UnknownTopicOrPartition.into());
                }
                Ok(describe::topic(&config, &own(ResourceType::Topic)))
            }
            Some(ResourceType::Broker) if name.is_empty() => Ok(describe::broker_defaults(&config)),
            Some(ResourceType::Broker) => {
                self.check_own_id(name, " or empty string")?;
                Ok(describe::broker(&config))
            }
            Some(ResourceType::BrokerLogger) => {
                if name.is_empty() {
                    return Err(invalid("Broker id must not be empty".to_owned()));
                }
                self.check_own_id(name, "")?;
                Ok(broker_loggers::describe())
            }
            Some(ResourceType::ClientMetrics) => {
                need_name("Client metrics subscription")?;
                Ok(describe::client_metrics(&own(ResourceType::ClientMetrics)))
            }
            Some(ResourceType::Group) => {
                need_name("Group")?;
                Ok(describe::group(&config, &own(ResourceType::Group)))
            }
            None => Err(invalid(format!("Unsupported resource type: {}", resource.resource_type))),
        }
    }

    fn check_own_id(&self, name: &str, or: &str) -> Result<(), ApiError> {
        let id = name
            .parse::<i32>()
            .map_err(|_| invalid(format!("Broker id must be an integer, but it is: {name}")))?;
        if id == self.node.id {
            return Ok(());
        }
        Err(invalid(format!("Unexpected broker id, expected {}{or}, but received {name}", self.node.id)))
    }
}

fn result(
    request: &DescribeConfigsRequest,
    resource: &DescribeConfigsResource,
    described: Result<Vec<Described>, ApiError>,
) -> DescribeConfigsResult {
    let mut result = DescribeConfigsResult {
        // Empty rather than null, as Kafka leaves it where it has nothing to say.
        error_message: Some(StrBytes::default()),
        resource_type: resource.resource_type,
        resource_name: resource.resource_name.clone(),
        ..Default::default()
    };
    let is_asked = |name: &str| match &resource.configuration_keys {
        Some(keys) if !keys.is_empty() => keys.iter().any(|key| key.as_str() == name),
        _ => true,
    };
    match described {
        Ok(described) => {
            let asked = described.into_iter().filter(|d| is_asked(&d.name));
            result.configs = asked.map(|d| key(request, d)).collect();
        }
        Err(error) => {
            result.error_code = error.code.code();
            result.error_message = Some(error.message.as_ref().into());
        }
    }
    result
}

fn key(request: &DescribeConfigsRequest, described: Described) -> DescribeConfigsResourceResult {
    let config_type = described.type_code();
    let synonyms = if request.include_synonyms { described.synonyms } else { Vec::new() };
    DescribeConfigsResourceResult {
        name: described.name.into(),
        value: described.value.map(StrBytes::from),
        read_only: described.read_only,
        config_source: described.source.code(),
        is_sensitive: described.sensitive,
        synonyms: synonyms
            .into_iter()
            .map(|synonym| DescribeConfigsSynonym {
                name: synonym.name.into(),
                value: synonym.value.map(StrBytes::from),
                source: synonym.source.code(),
                ..Default::default()
            })
            .collect(),
        config_type,
        documentation: if request.include_documentation {
            described.documentation.map(StrBytes::from)
        } else {
            None
        },
        ..Default::default()
    }
}
