//! Decides on altered configs: IncrementalAlterConfigs and AlterConfigs (KIP-339, KIP-226).
//!
//! Which values are allowed is `klamm_config`'s judgement; here is what depends on the cluster: whether the resource
//! exists, what is set on it now, and what a change of `min.insync.replicas` does to the eligible leader replicas.
//!
//! Each resource is altered as a whole or not at all, and answered for itself.

use std::collections::BTreeMap;

use crate::{ApiError, Context};
use klamm_config::alter::{self, Change, KeyAlteration, Operation, Refusal, ResourceKind, Target};
use klamm_metadata::image::{ConfigResource, ResourceType};
use klamm_protocol::api::{alter_configs as legacy, incremental_alter_configs as incremental};
use klamm_protocol::metadata::{ClearElrRecord, ConfigRecord};
use klamm_protocol::{ErrorCode, MetadataRecord, StrBytes};
use klamm_timeline::Outcome;

/// Code and text of a refused resource.
type Refused = (ErrorCode, String);

/// Sets, deletes, extends and shortens single values.
pub fn incremental_alter_configs(
    view: Context<'_>,
    request: &incremental::IncrementalAlterConfigsRequest,
) -> Outcome<MetadataRecord, incremental::IncrementalAlterConfigsResponse> {
    let mut records = Vec::new();
    let mut responses = Vec::with_capacity(request.resources.len());
    let names = request.resources.iter().map(|r| (r.resource_type, &r.resource_name));
    let counts = occurrences(names);
    for resource in &request.resources {
        let key = (resource.resource_type, &resource.resource_name);
        let result = addressed(key, &counts).and_then(|kind| {
            let alterations = alterations(&resource.configs)?;
            check_name(kind, &resource.resource_name)?;
            let current = view.current(kind, &resource.resource_name);
            let target = Target { kind, name: &resource.resource_name, current: &current };
            let changes =
                alter::incremental(view.config, view.cluster(), target, &alterations).map_err(refused)?;
            view.check_exists(kind, &resource.resource_name)?;
            Ok((kind, changes))
        });
        let (error_code, error_message) = view.answer(&resource.resource_name, result, &mut records);
        responses.push(incremental::AlterConfigsResourceResponse {
            error_code,
            error_message,
            resource_type: resource.resource_type,
            resource_name: resource.resource_name.clone(),
            ..Default::default()
        });
    }
    if let Err(error) = ApiError::check_record_count(records.len()) {
        records.clear();
        for answer in &mut responses {
            (answer.error_code, answer.error_message) = (error.code.code(), error.wire_message());
        }
    }
    let response = incremental::IncrementalAlterConfigsResponse { responses, ..Default::default() };
    view.outcome(records, response, request.validate_only)
}

/// Replaces all values of a resource.
pub fn alter_configs(
    view: Context<'_>,
    request: &legacy::AlterConfigsRequest,
) -> Outcome<MetadataRecord, legacy::AlterConfigsResponse> {
    let mut records = Vec::new();
    let mut responses = Vec::with_capacity(request.resources.len());
    let names = request.resources.iter().map(|r| (r.resource_type, &r.resource_name));
    let counts = occurrences(names);
    for resource in &request.resources {
        let key = (resource.resource_type, &resource.resource_name);
        let result = addressed(key, &counts).and_then(|kind| {
            let new = replacement(&resource.configs)?;
            check_name(kind, &resource.resource_name)?;
            let current = view.current(kind, &resource.resource_name);
            let target = Target { kind, name: &resource.resource_name, current: &current };
            let changes = alter::replacing(view.config, view.cluster(), target, &new).map_err(refused)?;
            view.check_exists(kind, &resource.resource_name)?;
            Ok((kind, changes))
        });
        let (error_code, error_message) = view.answer(&resource.resource_name, result, &mut records);
        responses.push(legacy::AlterConfigsResourceResponse {
            error_code,
            error_message,
            resource_type: resource.resource_type,
            resource_name: resource.resource_name.clone(),
            ..Default::default()
        });
    }
    if let Err(error) = ApiError::check_record_count(records.len()) {
        records.clear();
        for answer in &mut responses {
            (answer.error_code, answer.error_message) = (error.code.code(), error.wire_message());
        }
    }
    let response = legacy::AlterConfigsResponse { responses, ..Default::default() };
    view.outcome(records, response, request.validate_only)
}

impl Context<'_> {
    fn cluster(&self) -> alter::Cluster {
        let features = &self.image.features;
        alter::Cluster {
            elr_enabled: features.is_elr_enabled(),
            cordoning_supported: features.metadata_version_or_minimum().is_cordoned_log_dirs_supported(),
            forwarded: self.forwarded,
        }
    }

    /// What is set on a resource now.
    fn current(&self, kind: ResourceKind, name: &StrBytes) -> BTreeMap<String, String> {
        let Some(resource_type) = ResourceType::from_code(kind.code()) else { return BTreeMap::new() };
        let set = self.image.configs.resource(&ConfigResource { resource_type, name: name.clone() });
        let pairs = set.into_iter().flat_map(|set| set.iter());
        pairs.map(|(key, value)| (key.to_string(), value.to_string())).collect()
    }

    fn check_exists(&self, kind: ResourceKind, name: &StrBytes) -> Result<(), Refused> {
        match kind {
            ResourceKind::Topic if self.image.topics.by_name(name).is_none() => {
                Err((ErrorCode::UnknownTopicOrPartition, format!("The topic '{name}' does not exist.")))
            }
            ResourceKind::Broker => match name.parse::<i32>() {
                Ok(id) if !self.is_node(id) => {
                    Err((ErrorCode::BrokerIdNotRegistered, format!("No node with id {id} found.")))
                }
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn is_node(&self, id: i32) -> bool {
        let cluster = &self.image.cluster;
        cluster.brokers.contains_key(&id)
            || cluster.controllers.contains_key(&id)
            || self.config.voters().iter().any(|voter| voter.id == id)
    }

    fn answer(
        &self,
        name: &StrBytes,
        result: Result<(ResourceKind, Vec<Change>), Refused>,
        records: &mut Vec<MetadataRecord>,
    ) -> (i16, Option<StrBytes>) {
        match result {
            Ok((kind, changes)) => {
                records.extend(changes.into_iter().map(|(key, value)| {
                    MetadataRecord::Config(ConfigRecord {
                        resource_type: kind.code(),
                        resource_name: name.clone(),
                        name: key.into(),
                        value: value.map(Into::into),
                        ..Default::default()
                    })
                }));
                (ErrorCode::None.code(), None)
            }
            Err((code, message)) => (code.code(), Some(message.into())),
        }
    }

    fn outcome<T>(
        &self,
        mut records: Vec<MetadataRecord>,
        response: T,
        validate_only: bool,
    ) -> Outcome<MetadataRecord, T> {
        if validate_only {
            return Outcome::unchanged(response);
        }
        if self.image.features.is_elr_enabled() {
            let cleared: Vec<_> = records.iter().filter_map(clears_elr).collect();
            records.extend(cleared);
        }
        Outcome::new(records, response)
    }
}

/// With another `min.insync.replicas` the eligible leader replicas known so far are worth nothing (KIP-966): of one
/// topic, or of all when the key changes for brokers.
fn clears_elr(record: &MetadataRecord) -> Option<MetadataRecord> {
    let MetadataRecord::Config(config) = record else { return None };
    if *config.name != *klamm_config::topic::MIN_INSYNC_REPLICAS.name() {
        return None;
    }
    let is_topic = config.resource_type == ResourceKind::Topic.code();
    let topic_name = if is_topic { config.resource_name.clone() } else { StrBytes::default() };
    Some(MetadataRecord::ClearElr(ClearElrRecord { topic_name, ..Default::default() }))
}

fn refused(refusal: Refusal) -> Refused {
    match refusal {
        Refusal::InvalidConfig(text) => (ErrorCode::InvalidConfig, text),
        Refusal::InvalidRequest(text) => (ErrorCode::InvalidRequest, text),
    }
}

fn occurrences<'a>(names: impl Iterator<Item = (i8, &'a StrBytes)>) -> BTreeMap<(i8, &'a StrBytes), usize> {
    let mut counts = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    counts
}

/// The kind of a resource that is known and named once.
fn addressed(
    key: (i8, &StrBytes),
    counts: &BTreeMap<(i8, &StrBytes), usize>,
) -> Result<ResourceKind, Refused> {
    let Some(kind) = ResourceKind::from_code(key.0) else {
        return Err((ErrorCode::UnsupportedVersion, format!("Unknown resource type {}.", key.0)));
    };
    if counts.get(&key).copied().unwrap_or_default() > 1 {
        return Err((ErrorCode::InvalidRequest, "Duplicate resource.".to_owned()));
    }
    Ok(kind)
}

fn alterations(configs: &[incremental::AlterableConfig]) -> Result<Vec<KeyAlteration>, Refused> {
    let mut by_name = BTreeMap::new();
    for config in configs {
        let operation = Operation::from_code(config.config_operation).ok_or_else(|| {
            (ErrorCode::InvalidRequest, format!("Unknown operations type {}", config.config_operation))
        })?;
        if config.value.is_none() && operation != Operation::Delete {
            return Err(null_value(&config.name));
        }
        let value = config.value.as_ref().map(ToString::to_string);
        by_name.insert(&config.name, KeyAlteration { name: config.name.to_string(), operation, value });
    }
    Ok(by_name.into_values().collect())
}

fn replacement(configs: &[legacy::AlterableConfig]) -> Result<BTreeMap<String, String>, Refused> {
    let pair = |config: &legacy::AlterableConfig| match &config.value {
        Some(value) => Ok((config.name.to_string(), value.to_string())),
        None => Err(null_value(&config.name)),
    };
    configs.iter().map(pair).collect()
}

/// A topic's name has to be one that topics may have. Whether it may be empty is judged with the keys.
fn check_name(kind: ResourceKind, name: &StrBytes) -> Result<(), Refused> {
    if kind != ResourceKind::Topic || name.is_empty() {
        return Ok(());
    }
    crate::topics::names::check(name).map_err(|text| (ErrorCode::InvalidTopicException, text))
}

fn null_value(name: &StrBytes) -> Refused {
    (ErrorCode::InvalidRequest, format!("Null value not supported for : {name}"))
}

#[cfg(test)]
mod tests;
