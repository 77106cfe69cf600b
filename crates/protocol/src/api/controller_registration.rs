//! ControllerRegistration (key 70): registers a controller with the active one (KIP-919).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 70, versions = 0, flexible = 0.., listeners = [Controller])]
pub struct ControllerRegistrationRequest {
    /// Node id of the controller, -1 if unknown.
    pub controller_id: i32,
    /// Random id of this run of the process.
    pub incarnation_id: Uuid,
    /// Whether the controller was ready to migrate from ZooKeeper; always false today.
    pub zk_migration_ready: bool,
    /// Endpoints, by listener.
    pub listeners: Vec<Listener>,
    /// Features the node supports.
    pub features: Vec<Feature>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ControllerRegistrationRequest::listeners`].
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

/// An element of [`ControllerRegistrationRequest::features`].
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
#[api(key = 70, versions = 0, flexible = 0..)]
pub struct ControllerRegistrationResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Text for the error; null if there is none.
    pub error_message: Option<StrBytes>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
