//! The image: everything that the metadata log says, as persistent maps.

mod acls;
mod client_quotas;
mod cluster;
mod configs;
mod features;
#[cfg(test)]
mod kafka_log_tests;
mod loader;
mod record_version;
mod replay;
mod security;
mod snapshot;
#[cfg(test)]
mod tests;
mod topics;

pub use acls::Acls;
pub use client_quotas::{ClientQuotas, QuotaEntity};
pub use cluster::{Broker, Cluster, Controller, Endpoint, LevelRange};
pub use configs::{ConfigResource, Configs, ResourceType};
pub use features::Features;
pub use loader::Loader;
pub use record_version::record_version;
pub use replay::ReplayError;
pub use security::{DelegationTokens, Scram};
pub use topics::{LeaderRecoveryState, NO_LEADER, Partition, Topic, Topics, directory};

use klamm_protocol::metadata::MetadataRecord;
use klamm_timeline::StateMachine;

/// A persistent ordered map: a clone is a pointer copy.
pub type Map<K, V> = rpds::RedBlackTreeMapSync<K, V>;
/// A persistent ordered set.
pub type Set<T> = rpds::RedBlackTreeSetSync<T>;

/// Where in the log an image stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// The offset of the last record in it, -1 for none.
    pub last_offset: i64,
    /// The leader epoch of that record, -1 for none.
    pub last_epoch: i32,
    /// The append time of that record, in milliseconds since 1970, -1 for none.
    pub last_timestamp_ms: i64,
}

impl Default for Provenance {
    fn default() -> Self {
        Self { last_offset: -1, last_epoch: -1, last_timestamp_ms: -1 }
    }
}

/// The state of a cluster's metadata at one offset of `__cluster_metadata`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetadataImage {
    /// Finalized feature levels.
    pub features: Features,
    /// Registered brokers and controllers.
    pub cluster: Cluster,
    /// Topics and partitions.
    pub topics: Topics,
    /// Dynamic configs of every kind of resource.
    pub configs: Configs,
    /// Client quotas.
    pub client_quotas: ClientQuotas,
    /// The first producer id that no broker has been given yet; `None` before the first block was given out.
    pub next_producer_id: Option<i64>,
    /// Access control entries.
    pub acls: Acls,
    /// SCRAM credentials.
    pub scram: Scram,
    /// Delegation tokens.
    pub delegation_tokens: DelegationTokens,
}

impl StateMachine for MetadataImage {
    type Record = MetadataRecord;

    /// # Panics
    /// If the record contradicts the image; see [`MetadataImage::try_replay`].
    fn replay(&mut self, record: &MetadataRecord) {
        if let Err(error) = self.try_replay(record) {
            panic!("the metadata log contradicts itself: {error}");
        }
    }
}
