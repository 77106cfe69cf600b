//! BrokerHeartbeat (key 63): keeps a broker unfenced, and asks for shutdown (KIP-631).
//!
//! * v1 offline log dirs (KIP-858)
//! * v2 cordoned log dirs (KIP-1066)

use crate::Message;
use crate::wire::{RawTaggedField, Uuid};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 63, versions = 0..=2, flexible = 0.., listeners = [Controller])]
pub struct BrokerHeartbeatRequest {
    /// Node id of the broker.
    pub broker_id: i32,
    /// Epoch of the broker's registration, which the controller gave it; -1 if it is not checked.
    #[field(default = -1)]
    pub broker_epoch: i64,
    /// Offset up to which the broker has replayed the metadata.
    pub current_metadata_offset: i64,
    /// Whether the broker wants to be fenced.
    pub want_fence: bool,
    /// Whether the broker wants to shut down: its partitions are to be moved away first.
    pub want_shut_down: bool,
    /// Directory ids of log dirs that failed.
    #[field(tag = 0, since = 1)]
    pub offline_log_dirs: Vec<Uuid>,
    /// Directory ids of log dirs that get no new replicas; null while the broker does not know yet
    /// (KIP-1066).
    #[field(tag = 1, since = 2, default = null)]
    pub cordoned_log_dirs: Option<Vec<Uuid>>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 63, versions = 0..=2, flexible = 0..)]
pub struct BrokerHeartbeatResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Whether the broker has nearly reached the end of the metadata.
    pub is_caught_up: bool,
    /// Whether the broker is fenced.
    #[field(default = true)]
    pub is_fenced: bool,
    /// Whether the broker may now shut down.
    pub should_shut_down: bool,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
