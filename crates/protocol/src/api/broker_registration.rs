//! BrokerRegistration (key 62): registers a broker with the controller and gets it a broker epoch
//! (KIP-631).
//!
//! * v1 migration from ZooKeeper (KIP-866)
//! * v2 log dirs (KIP-858)
//! * v3 epoch before a clean shutdown (KIP-966)
//! * v4 features may start at 0 (KAFKA-17011)

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 62, versions = 0..=4, flexible = 0.., listeners = [Controller])]
pub struct BrokerRegistrationRequest {
    /// Node id of the broker.
    pub broker_id: i32,
    /// Id of the cluster.
    pub cluster_id: StrBytes,
    /// Random id of this run of the broker: the same registration again is no new one.
    pub incarnation_id: Uuid,
    /// Endpoints, by listener.
    pub listeners: Vec<Listener>,
    /// Features the node supports.
    pub features: Vec<Feature>,
    /// Rack, or null.
    pub rack: Option<StrBytes>,
    /// Whether the broker was migrating from ZooKeeper; always false today.
    #[field(since = 1)]
    pub is_migrating_zk_broker: bool,
    /// Log dirs of the broker, by directory id.
    #[field(since = 2, ignorable)]
    pub log_dirs: Vec<Uuid>,
    /// Epoch of the registration before a clean shutdown, -1 after an unclean one (KIP-966).
    #[field(since = 3, default = -1, ignorable)]
    pub previous_broker_epoch: i64,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`BrokerRegistrationRequest::listeners`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct Listener {
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

/// An element of [`BrokerRegistrationRequest::features`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct Feature {
    /// Name of the feature.
    pub name: StrBytes,
    /// Lowest supported version.
    pub min_supported_version: i16,
    /// Highest supported version.
    pub max_supported_version: i16,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 62, versions = 0..=4, flexible = 0..)]
pub struct BrokerRegistrationResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Epoch of the broker's registration, which the controller gave it; -1 if it is not checked.
    #[field(default = -1)]
    pub broker_epoch: i64,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
