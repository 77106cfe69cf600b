//! Registered brokers and controllers.

use super::Map;
use klamm_protocol::{StrBytes, Uuid};

/// The nodes of the cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cluster {
    /// Registered brokers by id, fenced ones included.
    pub brokers: Map<i32, Broker>,
    /// Registered controllers by id (KIP-919).
    pub controllers: Map<i32, Controller>,
}

impl Cluster {
    /// A broker that may lead and be in sync: registered, unfenced, not in controlled shutdown.
    pub fn is_active(&self, broker: i32) -> bool {
        self.brokers.get(&broker).is_some_and(Broker::is_active)
    }

    /// Brokers that clients may be told of.
    pub fn unfenced(&self) -> impl Iterator<Item = &Broker> {
        self.brokers.values().filter(|broker| !broker.fenced)
    }
}

/// Where a node listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Name of the listener.
    pub name: StrBytes,
    /// Host name or address.
    pub host: StrBytes,
    /// Port.
    pub port: u16,
    /// 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL.
    pub security_protocol: i16,
}

/// The levels of a feature that a node supports, both ends inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelRange {
    /// Lowest level.
    pub min: i16,
    /// Highest level.
    pub max: i16,
}

impl LevelRange {
    /// Whether the level is supported.
    pub const fn contains(self, level: i16) -> bool {
        level >= self.min && level <= self.max
    }
}

/// A broker's registration.
#[derive(Clone, Debug, PartialEq)]
pub struct Broker {
    /// Node id.
    pub id: i32,
    /// Raised with each registration: the offset of its record.
    pub epoch: i64,
    /// Of the process.
    pub incarnation_id: Uuid,
    /// In the order of the registration.
    pub listeners: Vec<Endpoint>,
    /// By feature name.
    pub features: Map<StrBytes, LevelRange>,
    /// Where it stands.
    pub rack: Option<StrBytes>,
    /// Not to be shown to clients and not to lead.
    pub fenced: bool,
    /// Asked to go away: leads no longer.
    pub in_controlled_shutdown: bool,
    /// Left over from clusters that came from ZooKeeper.
    pub is_migrating_zk_broker: bool,
    /// The log directories that are online, sorted.
    pub log_dirs: Vec<Uuid>,
    /// The log directories that take no new replicas; `None` if the broker did not say (KIP-1066).
    pub cordoned_log_dirs: Option<Vec<Uuid>>,
}

impl Broker {
    /// Whether it may lead and be in sync.
    pub const fn is_active(&self) -> bool {
        !self.fenced && !self.in_controlled_shutdown
    }

    /// The endpoint of a listener.
    pub fn listener(&self, name: &str) -> Option<&Endpoint> {
        self.listeners.iter().find(|endpoint| endpoint.name.as_ref() == name)
    }

    /// Whether a replica may be in that directory and is not known to be offline. Unassigned and migrating replicas
    /// count as online, and so does any directory of a broker that has registered none.
    pub fn has_online_dir(&self, directory: &Uuid) -> bool {
        super::directory::is_reserved_online(directory)
            || (*directory != super::directory::LOST
                && (self.log_dirs.is_empty() || self.log_dirs.contains(directory)))
    }

    /// Whether every online directory is cordoned, so that no new replica may be placed here.
    pub fn is_fully_cordoned(&self) -> bool {
        match &self.cordoned_log_dirs {
            Some(cordoned) => {
                !self.log_dirs.is_empty() && self.log_dirs.iter().all(|dir| cordoned.contains(dir))
            }
            None => false,
        }
    }
}

/// A controller's registration.
#[derive(Clone, Debug, PartialEq)]
pub struct Controller {
    /// Node id.
    pub id: i32,
    /// Of the process.
    pub incarnation_id: Uuid,
    /// Left over from ZooKeeper migrations.
    pub zk_migration_ready: bool,
    /// In the order of the registration.
    pub listeners: Vec<Endpoint>,
    /// By feature name.
    pub features: Map<StrBytes, LevelRange>,
}
