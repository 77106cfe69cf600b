//! Configurations of topics, brokers, groups and client metrics.

use std::collections::BTreeMap;

use klamm_protocol::{
    StrBytes,
    api::{
        describe_configs::{
            DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
            DescribeConfigsResponse,
        },
        incremental_alter_configs::{AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest},
        list_config_resources::ListConfigResourcesRequest,
    },
};

use super::{Admin, text};
use crate::ClientError;

/// What has a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResourceType {
    /// A topic.
    Topic,
    /// A broker, or with an empty name all brokers.
    Broker,
    /// The log levels of a broker.
    BrokerLogger,
    /// A subscription of client metrics.
    ClientMetrics,
    /// A group.
    Group,
}

impl ResourceType {
    const fn id(self) -> i8 {
        match self {
            Self::Topic => 2,
            Self::Broker => 4,
            Self::BrokerLogger => 8,
            Self::ClientMetrics => 16,
            Self::Group => 32,
        }
    }

    const fn from_id(id: i8) -> Option<Self> {
        Some(match id {
            2 => Self::Topic,
            4 => Self::Broker,
            8 => Self::BrokerLogger,
            16 => Self::ClientMetrics,
            32 => Self::Group,
            _ => return None,
        })
    }
}

/// Something that has a configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigResource {
    /// What it is.
    pub kind: ResourceType,
    /// Its name: a topic, a broker's id, a group.
    pub name: String,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigSource {
    /// Set for the topic.
    DynamicTopic,
    /// Set for the one broker.
    DynamicBroker,
    /// Set for all brokers.
    DynamicDefaultBroker,
    /// In the broker's properties file.
    StaticBroker,
    /// Built in.
    Default,
    /// Log level that was set.
    DynamicBrokerLogger,
    /// Set for client metrics.
    ClientMetrics,
    /// Set for the group.
    Group,
    /// Not told.
    Unknown,
}

impl ConfigSource {
    const fn from_id(id: i8) -> Self {
        match id {
            1 => Self::DynamicTopic,
            2 => Self::DynamicBroker,
            3 => Self::DynamicDefaultBroker,
            4 => Self::StaticBroker,
            5 => Self::Default,
            6 => Self::DynamicBrokerLogger,
            7 => Self::ClientMetrics,
            8 => Self::Group,
            _ => Self::Unknown,
        }
    }

    /// Kafka's name, as tools print it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DynamicTopic => "DYNAMIC_TOPIC_CONFIG",
            Self::DynamicBroker => "DYNAMIC_BROKER_CONFIG",
            Self::DynamicDefaultBroker => "DYNAMIC_DEFAULT_BROKER_CONFIG",
            Self::StaticBroker => "STATIC_BROKER_CONFIG",
            Self::Default => "DEFAULT_CONFIG",
            Self::DynamicBrokerLogger => "DYNAMIC_BROKER_LOGGER_CONFIG",
            Self::ClientMetrics => "DYNAMIC_CLIENT_METRICS_CONFIG",
            Self::Group => "DYNAMIC_GROUP_CONFIG",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// One key and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigEntry {
    /// The key.
    pub name: String,
    /// The value; `None` if it is null or secret.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: ConfigSource,
    /// Whether the value is secret.
    pub is_sensitive: bool,
    /// Whether it can only be set in the properties file.
    pub is_read_only: bool,
    /// Where the value might come from, the strongest first: source, key, value.
    pub synonyms: Vec<(ConfigSource, String, Option<String>)>,
}

/// What to do with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigOperation {
    /// Set it.
    Set,
    /// Back to what it is without.
    Delete,
    /// Add to a list.
    Append,
    /// Take from a list.
    Subtract,
}

/// One change of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigAlteration {
    /// The key.
    pub name: String,
    /// What to do with it.
    pub operation: ConfigOperation,
    /// The value, for all but `Delete`.
    pub value: Option<String>,
}

/// Entries of each resource.
pub type DescribedConfigs = BTreeMap<ConfigResource, Result<Vec<ConfigEntry>, ClientError>>;

impl Admin {
    /// Describes configurations. `keys` limits the answer to some keys.
    ///
    /// # Errors
    /// If no broker answers; what became of each resource is in the map.
    pub async fn describe_configs(
        &self,
        resources: &[ConfigResource],
        with_synonyms: bool,
    ) -> Result<DescribedConfigs, ClientError> {
        let mut results = DescribedConfigs::new();
        // A broker's own configuration is known to that broker alone.
        let mut by_node: BTreeMap<Option<i32>, Vec<&ConfigResource>> = BTreeMap::new();
        for resource in resources {
            by_node.entry(resource.node()).or_default().push(resource);
        }
        for (node, resources) in by_node {
            let request = DescribeConfigsRequest {
                resources: resources
                    .iter()
                    .map(|resource| DescribeConfigsResource {
                        resource_type: resource.kind.id(),
                        resource_name: StrBytes::from(resource.name.clone()),
                        configuration_keys: None,
                        ..Default::default()
                    })
                    .collect(),
                include_synonyms: with_synonyms,
                ..Default::default()
            };
            let answer = self.call_at("describing configs", node, &request).await?;
            take_configs(&mut results, answer);
        }
        Ok(results)
    }

    /// Changes single keys of configurations (KIP-339).
    ///
    /// # Errors
    /// If no broker answers; what became of each resource is in the map.
    pub async fn alter_configs(
        &self,
        changes: &[(ConfigResource, Vec<ConfigAlteration>)],
        validate_only: bool,
    ) -> Result<BTreeMap<ConfigResource, Result<(), ClientError>>, ClientError> {
        let mut results = BTreeMap::new();
        let mut by_node: BTreeMap<Option<i32>, Vec<AlterConfigsResource>> = BTreeMap::new();
        for (resource, alterations) in changes {
            by_node.entry(resource.node()).or_default().push(alteration(resource, alterations));
        }
        for (node, resources) in by_node {
            let request = IncrementalAlterConfigsRequest { resources, validate_only, ..Default::default() };
            let answer = self.call_at("altering configs", node, &request).await?;
            for item in answer.responses {
                if let Some(kind) = ResourceType::from_id(item.resource_type) {
                    let resource = ConfigResource { kind, name: item.resource_name.to_string() };
                    results.insert(resource, ClientError::check(item.error_code, text(&item.error_message)));
                }
            }
        }
        Ok(results)
    }

    /// Names of what has a configuration of its own; empty `kinds` means all kinds.
    ///
    /// # Errors
    /// If no broker answers or the client may not ask.
    pub async fn list_config_resources(
        &self,
        kinds: &[ResourceType],
    ) -> Result<Vec<ConfigResource>, ClientError> {
        let request = ListConfigResourcesRequest {
            resource_types: kinds.iter().map(|kind| kind.id()).collect(),
            ..Default::default()
        };
        let answer = self.call_at("listing config resources", None, &request).await?;
        ClientError::check(answer.error_code, None)?;
        let resource = |item: &klamm_protocol::api::list_config_resources::ConfigResource| {
            let kind = ResourceType::from_id(item.resource_type)?;
            Some(ConfigResource { kind, name: item.resource_name.to_string() })
        };
        Ok(answer.config_resources.iter().filter_map(resource).collect())
    }

    pub(super) async fn call_at<R: klamm_protocol::Request>(
        &self,
        doing: &str,
        node: Option<i32>,
        request: &R,
    ) -> Result<R::Response, ClientError> {
        self.cluster
            .retrying(doing, self.cluster.api_timeout(), async || match node {
                Some(node) => {
                    if !self.cluster.metadata().brokers.contains_key(&node) {
                        self.cluster.refresh(crate::cluster::TopicSelection::None).await?;
                    }
                    self.cluster.call_node(node, request).await
                }
                None => self.cluster.call_any(request).await,
            })
            .await
    }
}

impl ConfigResource {
    /// The broker that alone can answer for this resource.
    fn node(&self) -> Option<i32> {
        match self.kind {
            ResourceType::Broker | ResourceType::BrokerLogger => self.name.parse().ok(),
            _ => None,
        }
    }
}

fn alteration(resource: &ConfigResource, alterations: &[ConfigAlteration]) -> AlterConfigsResource {
    let configs = alterations.iter().map(|change| AlterableConfig {
        name: StrBytes::from(change.name.clone()),
        config_operation: match change.operation {
            ConfigOperation::Set => 0,
            ConfigOperation::Delete => 1,
            ConfigOperation::Append => 2,
            ConfigOperation::Subtract => 3,
        },
        value: change.value.as_ref().map(|value| StrBytes::from(value.clone())),
        ..Default::default()
    });
    AlterConfigsResource {
        resource_type: resource.kind.id(),
        resource_name: StrBytes::from(resource.name.clone()),
        configs: configs.collect(),
        ..Default::default()
    }
}

fn take_configs(results: &mut DescribedConfigs, answer: DescribeConfigsResponse) {
    for item in answer.results {
        let Some(kind) = ResourceType::from_id(item.resource_type) else { continue };
        let entries = ClientError::check(item.error_code, text(&item.error_message))
            .map(|()| item.configs.iter().map(entry).collect());
        results.insert(ConfigResource { kind, name: item.resource_name.to_string() }, entries);
    }
}

fn entry(config: &DescribeConfigsResourceResult) -> ConfigEntry {
    let owned = |value: &Option<StrBytes>| value.as_ref().map(ToString::to_string);
    ConfigEntry {
        name: config.name.to_string(),
        value: owned(&config.value),
        source: ConfigSource::from_id(config.config_source),
        is_sensitive: config.is_sensitive,
        is_read_only: config.read_only,
        synonyms: config
            .synonyms
            .iter()
            .map(|s| (ConfigSource::from_id(s.source), s.name.to_string(), owned(&s.value)))
            .collect(),
    }
}
