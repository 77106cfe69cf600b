//! Asks for and changes what a cluster is: topics, configurations, groups, offsets.
//!
//! Every method repeats what may succeed the next time, up to `default.api.timeout.ms`. Where the protocol answers item
//! by item, so do the methods: the outer error says that nothing is known of any item.

mod brokers;
mod configs;
mod features;
mod groups;
mod offsets;
mod quorum;
mod quotas;
mod reassignments;
mod streams_groups;
mod topics;
mod transactions;

pub use brokers::{BrokerApis, ClusterDescription, LogDir, NodeDescription};
pub use configs::{
    ConfigAlteration, ConfigEntry, ConfigOperation, ConfigResource, ConfigSource, DescribedConfigs,
    ResourceType,
};

pub use features::UpgradeType;
pub use groups::{GroupDescription, GroupListing, GroupMember};
pub use offsets::{ByPartition, IsolationLevel, ListedOffset, OffsetSpec};
pub(crate) use offsets::{list_offsets, list_offsets_at};
pub use quorum::{QuorumDescription, VoterEndpoint};
pub use quotas::{QuotaEntity, QuotaMatch, ScramUpsertion};
pub use reassignments::{ElectionType, Reassignment};
pub use streams_groups::{StreamsGroupDescription, StreamsGroupMember, StreamsTasks, Subtopology};
pub use topics::{ByName, NewPartitions, NewTopic, PartitionDescription, TopicDescription, TopicListing};
pub use transactions::{
    AbortSpec, ProducerState, TransactionDescription, TransactionFilter, TransactionListing,
};

use klamm_config::client::ClientConfig;

use crate::{ClientError, Cluster};

/// Administers a cluster. Clones share connections and metadata.
#[derive(Clone, Debug)]
pub struct Admin {
    cluster: Cluster,
}

impl Admin {
    /// An admin client with this configuration. Connects with the first request.
    ///
    /// # Errors
    /// If the configuration cannot be served.
    pub fn new(config: &ClientConfig) -> Result<Self, ClientError> {
        Ok(Self { cluster: Cluster::new(config)? })
    }

    /// An admin client on the connections of another client.
    pub const fn on(cluster: Cluster) -> Self {
        Self { cluster }
    }

    /// The cluster that it administers.
    pub const fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Closes all connections.
    pub fn close(&self) {
        self.cluster.close();
    }

    fn timeout_ms(&self) -> i32 {
        i32::try_from(self.cluster.request_timeout().as_millis()).unwrap_or(i32::MAX)
    }
}

/// The text of a nullable error message.
fn text(message: &Option<klamm_protocol::StrBytes>) -> Option<&str> {
    message.as_deref()
}
