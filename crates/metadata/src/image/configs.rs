//! Dynamic configs.

use super::Map;
use klamm_protocol::StrBytes;

/// What a config belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceType {
    /// A topic.
    Topic,
    /// A broker, or with an empty name all brokers.
    Broker,
    /// Log levels; never stored.
    BrokerLogger,
    /// A subscription to client metrics (KIP-714).
    ClientMetrics,
    /// A group.
    Group,
}

impl ResourceType {
    /// As on the wire.
    pub const fn code(self) -> i8 {
        match self {
            Self::Topic => 2,
            Self::Broker => 4,
            Self::BrokerLogger => 8,
            Self::ClientMetrics => 16,
            Self::Group => 32,
        }
    }

    /// `None` for an unknown code.
    pub const fn from_code(code: i8) -> Option<Self> {
        match code {
            2 => Some(Self::Topic),
            4 => Some(Self::Broker),
            8 => Some(Self::BrokerLogger),
            16 => Some(Self::ClientMetrics),
            32 => Some(Self::Group),
            _ => None,
        }
    }

    /// Kafka's name of it, for messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Topic => "TOPIC",
            Self::Broker => "BROKER",
            Self::BrokerLogger => "BROKER_LOGGER",
            Self::ClientMetrics => "CLIENT_METRICS",
            Self::Group => "GROUP",
        }
    }
}

/// A resource that has configs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConfigResource {
    /// Its kind.
    pub resource_type: ResourceType,
    /// Its name; empty for "all brokers".
    pub name: StrBytes,
}

impl ConfigResource {
    /// A topic's.
    pub fn topic(name: &str) -> Self {
        Self { resource_type: ResourceType::Topic, name: StrBytes::from(name) }
    }

    /// A broker's, or with `None` the cluster-wide default.
    pub fn broker(id: Option<i32>) -> Self {
        let name = id.map_or_else(StrBytes::default, |id| StrBytes::from(id.to_string()));
        Self { resource_type: ResourceType::Broker, name }
    }

    /// A group's.
    pub fn group(name: &str) -> Self {
        Self { resource_type: ResourceType::Group, name: StrBytes::from(name) }
    }

    /// A client metrics subscription's.
    pub fn client_metrics(name: &str) -> Self {
        Self { resource_type: ResourceType::ClientMetrics, name: StrBytes::from(name) }
    }
}

/// The values that were set, by resource and key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Configs {
    resources: Map<ConfigResource, Map<StrBytes, StrBytes>>,
}

impl Configs {
    /// What is set for a resource; `None` if nothing is.
    pub fn resource(&self, resource: &ConfigResource) -> Option<&Map<StrBytes, StrBytes>> {
        self.resources.get(resource)
    }

    /// One value that is set.
    pub fn value(&self, resource: &ConfigResource, key: &str) -> Option<&StrBytes> {
        self.resources.get(resource)?.get(key)
    }

    /// Every resource that has a value set.
    pub fn iter(&self) -> impl Iterator<Item = (&ConfigResource, &Map<StrBytes, StrBytes>)> {
        self.resources.iter()
    }

    pub(super) fn set(&mut self, resource: ConfigResource, key: StrBytes, value: Option<StrBytes>) {
        let mut values = self.resources.get(&resource).cloned().unwrap_or_default();
        match value {
            Some(value) => values.insert_mut(key, value),
            None => {
                values.remove_mut(&key);
            }
        }
        if values.is_empty() {
            self.resources.remove_mut(&resource);
        } else {
            self.resources.insert_mut(resource, values);
        }
    }

    pub(super) fn remove(&mut self, resource: &ConfigResource) {
        self.resources.remove_mut(resource);
    }
}
