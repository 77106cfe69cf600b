//! RegisterBrokerRecord (type 0): a broker registered. Its state as of now, fenced unless the record says
//! otherwise.
//!
//! * v1 controlled shutdown (KIP-841)
//! * v2 migration from ZooKeeper (KIP-866)
//! * v3 log dirs (KIP-858)
//! * v4 cordoned log dirs (KIP-1066)

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

/// The record.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 0, versions = 0..=4, flexible = 0..)]
pub struct RegisterBrokerRecord {
    /// Node id of the broker.
    pub broker_id: i32,
    /// Whether the broker was migrating from ZooKeeper; always false today.
    #[field(since = 2)]
    pub is_migrating_zk_broker: bool,
    /// Random id of this run of the process.
    pub incarnation_id: Uuid,
    /// Epoch of the broker's registration, which the controller gave it; -1 if it is not checked.
    pub broker_epoch: i64,
    /// Endpoints, by listener.
    pub end_points: Vec<BrokerEndpoint>,
    /// Features the node supports.
    pub features: Vec<BrokerFeature>,
    /// Rack, or null.
    pub rack: Option<StrBytes>,
    /// Whether the broker is fenced: it leads nothing and clients do not see it.
    #[field(default = true)]
    pub fenced: bool,
    /// Whether the broker is shutting down in an orderly way.
    #[field(since = 1)]
    pub in_controlled_shutdown: bool,
    /// Log dirs of the broker, by directory id.
    #[field(tag = 0, since = 3)]
    pub log_dirs: Vec<Uuid>,
    /// Directory ids of log dirs that get no new replicas (KIP-1066).
    #[field(tag = 1, since = 4, default = null)]
    pub cordoned_log_dirs: Option<Vec<Uuid>>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`RegisterBrokerRecord::end_points`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct BrokerEndpoint {
    /// Name of the listener.
    pub name: StrBytes,
    /// Host name or address.
    pub host: StrBytes,
    /// Port.
    pub port: u16,
    /// 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL.
    pub security_protocol: i16,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`RegisterBrokerRecord::features`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct BrokerFeature {
    /// Name of the feature.
    pub name: StrBytes,
    /// Lowest supported version.
    pub min_supported_version: i16,
    /// Highest supported version.
    pub max_supported_version: i16,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
