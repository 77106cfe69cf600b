//! Handlers that describe, alter and list configs and client quotas.

pub mod alter_client_quotas;
pub mod alter_configs;
pub mod describe_client_quotas;
pub mod describe_configs;
pub mod incremental_alter_configs;
pub mod list_config_resources;
mod verdict;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use klamm_config::alter::{self, KeyAlteration, Refusal, ResourceKind};
use klamm_metadata::image::{ConfigResource, MetadataImage, ResourceType};
use klamm_protocol::{ErrorCode, StrBytes};

use crate::{dispatch::Call, error::ApiError, node::Node};

/// What these handlers use.
pub struct ConfigsContext {
    /// The node: its config, its metadata and the way to the controller.
    pub node: Arc<Node>,
}

impl ConfigsContext {
    /// Checks an alteration of broker keys, which only the broker itself can: it knows its properties file.
    fn check_broker(&self, name: &str, altered: Altered<'_>) -> Result<(), ApiError> {
        if !name.is_empty() {
            let id = name
                .parse::<i32>()
                .map_err(|_| invalid(format!("Node id must be an integer, but it is: {name}")))?;
            if id != self.node.id {
                return Err(invalid(format!(
                    "Unexpected broker id, expected {}, but received {name}",
                    self.node.id
                )));
            }
        }
        let config = self.node.config.load();
        let new = match altered {
            Altered::Incrementally(alterations) => {
                let published = self.node.metadata.load();
                let current = own_keys(&published.image, ResourceType::Broker, name);
                let current = alter::alterable::countable(&current, !name.is_empty());
                alter::broker::apply(&current, alterations).map_err(refused)?
            }
            Altered::Replaced(new) => new,
        };
        alter::broker::check(&config, &new, !name.is_empty()).map(drop).map_err(refused)
    }
}

impl ConfigsContext {
    /// Checks an alteration of broker keys that comes past the brokers: what only the broker itself could judge is refused
    /// then.
    fn check_past_brokers(&self, name: &str, altered: Altered<'_>) -> Result<(), ApiError> {
        let published = self.node.metadata.load();
        let features = &published.image.features;
        let cluster = alter::Cluster {
            elr_enabled: features.is_elr_enabled(),
            cordoning_supported: features.metadata_version_or_minimum().is_cordoned_log_dirs_supported(),
            forwarded: false,
        };
        let current = own_keys(&published.image, ResourceType::Broker, name);
        let target = alter::Target { kind: ResourceKind::Broker, name, current: &current };
        let config = self.node.config.load();
        let changes = match altered {
            Altered::Incrementally(alterations) => alter::incremental(&config, cluster, target, alterations),
            Altered::Replaced(new) => alter::replacing(&config, cluster, target, &new),
        };
        changes.map(drop).map_err(refused)
    }
}

/// Whether an alteration comes from somebody who has gone past the brokers, to a controller.
fn is_past_brokers(call: &Call) -> bool {
    call.connection.is_controller_listener && !call.is_forwarded()
}

/// How the keys of a resource are altered.
enum Altered<'a> {
    /// Key by key.
    Incrementally(&'a [KeyAlteration]),
    /// All at once.
    Replaced(BTreeMap<String, String>),
}

fn invalid(message: String) -> ApiError {
    ApiError::new(ErrorCode::InvalidRequest, message)
}

fn refused(refusal: Refusal) -> ApiError {
    match refusal {
        Refusal::InvalidConfig(text) => ApiError::new(ErrorCode::InvalidConfig, text),
        Refusal::InvalidRequest(text) => invalid(text),
    }
}

/// What is set on a resource.
fn own_keys(image: &MetadataImage, resource_type: ResourceType, name: &str) -> BTreeMap<String, String> {
    let set = image.configs.resource(&ConfigResource { resource_type, name: StrBytes::from(name) });
    let pairs = set.into_iter().flat_map(|set| set.iter());
    pairs.map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

/// What every resource of an alteration has to be, whatever its keys: known, and named once with each key named once.
fn check_addressed<'a>(
    resource: (i8, &StrBytes),
    all: impl Iterator<Item = (i8, &'a StrBytes)>,
    keys: impl Iterator<Item = &'a StrBytes>,
) -> Result<ResourceKind, ApiError> {
    if all.filter(|other| *other == resource).count() > 1 {
        return Err(invalid("Each resource must appear at most once.".to_owned()));
    }
    let mut seen = BTreeSet::new();
    for key in keys {
        if !seen.insert(key) {
            return Err(invalid("Error due to duplicate config keys".to_owned()));
        }
    }
    ResourceKind::from_code(resource.0)
        .ok_or_else(|| invalid(format!("Unknown resource type {}", resource.0)))
}

fn null_values<'a>(names: impl Iterator<Item = &'a StrBytes>) -> Result<(), ApiError> {
    let names: Vec<&str> = names.map(StrBytes::as_str).collect();
    if names.is_empty() {
        Ok(())
    } else {
        Err(invalid(format!("Null value not supported for : {}", names.join(", "))))
    }
}
