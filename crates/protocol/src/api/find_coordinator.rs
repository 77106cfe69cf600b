//! FindCoordinator (key 10): finds the broker that coordinates a group, a transactional id or a share
//! partition.
//!
//! * v1 key type
//! * v3 flexible
//! * v4 several keys (KIP-699)
//! * v5 TRANSACTION_ABORTABLE (KIP-890)
//! * v6 share partitions (KIP-932)

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 10, versions = 0..=6, flexible = 3.., listeners = [Broker])]
pub struct FindCoordinatorRequest {
    /// Group id or transactional id; several at once from v4 on.
    #[field(until = 3)]
    pub key: StrBytes,
    /// 0 group, 1 transaction, 2 share partition (`group:topicId:partition`).
    #[field(since = 1)]
    pub key_type: i8,
    /// Group ids, transactional ids or share keys to look up.
    #[field(since = 4)]
    pub coordinator_keys: Vec<StrBytes>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 10, versions = 0..=6, flexible = 3..)]
pub struct FindCoordinatorResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    #[field(since = 1, ignorable)]
    pub throttle_time_ms: i32,
    /// Error, 0 for none.
    #[field(until = 3, counted = self.coordinators.is_empty())]
    pub error_code: i16,
    /// Text for the error; null if there is none.
    #[field(since = 1, until = 3, ignorable)]
    pub error_message: Option<StrBytes>,
    /// Node id.
    #[field(until = 3)]
    pub node_id: i32,
    /// Host name or address.
    #[field(until = 3)]
    pub host: StrBytes,
    /// Port.
    #[field(until = 3)]
    pub port: i32,
    /// What was found, one per key.
    #[field(since = 4)]
    pub coordinators: Vec<Coordinator>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`FindCoordinatorResponse::coordinators`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct Coordinator {
    /// The key that was looked up.
    pub key: StrBytes,
    /// Node id.
    pub node_id: i32,
    /// Host name or address.
    pub host: StrBytes,
    /// Port.
    pub port: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Text for the error; null if there is none.
    #[field(ignorable)]
    pub error_message: Option<StrBytes>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
