//! RegisterControllerRecord (type 27): a controller registered (KIP-919).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

/// The record.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 27, versions = 0, flexible = 0..)]
pub struct RegisterControllerRecord {
    /// Node id of the controller, -1 if unknown.
    pub controller_id: i32,
    /// Random id of this run of the process.
    pub incarnation_id: Uuid,
    /// Whether the controller was ready to migrate from ZooKeeper; always false today.
    pub zk_migration_ready: bool,
    /// Endpoints, by listener.
    pub end_points: Vec<ControllerEndpoint>,
    /// Features the node supports.
    pub features: Vec<ControllerFeature>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`RegisterControllerRecord::end_points`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct ControllerEndpoint {
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

/// An element of [`RegisterControllerRecord::features`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct ControllerFeature {
    /// Name of the feature.
    pub name: StrBytes,
    /// Lowest supported version.
    pub min_supported_version: i16,
    /// Highest supported version.
    pub max_supported_version: i16,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
