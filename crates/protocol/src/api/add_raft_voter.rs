//! AddRaftVoter (key 80): adds a voter to the metadata quorum (KIP-853).
//!
//! * v1 may answer before the change is committed

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 80, versions = 0..=1, flexible = 0.., listeners = [Controller, Broker])]
pub struct AddRaftVoterRequest {
    /// Id of the cluster.
    pub cluster_id: Option<StrBytes>,
    /// How long the request may take, in ms.
    pub timeout_ms: i32,
    /// Node id of the new voter.
    pub voter_id: i32,
    /// Directory id of the new voter.
    pub voter_directory_id: Uuid,
    /// Endpoints, by listener.
    pub listeners: Vec<Listener>,
    /// Answer only once the new voters are committed; otherwise as soon as the leader has them in its
    /// log.
    #[field(since = 1, default = true)]
    pub ack_when_committed: bool,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`AddRaftVoterRequest::listeners`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct Listener {
    /// Name of the listener.
    pub name: StrBytes,
    /// Host name or address.
    pub host: StrBytes,
    /// Port.
    pub port: u16,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 80, versions = 0..=1, flexible = 0..)]
pub struct AddRaftVoterResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// Error, 0 for none.
    #[field(counted = self.error_code != 0)]
    pub error_code: i16,
    /// Text for the error; null if there is none.
    #[field(ignorable)]
    pub error_message: Option<StrBytes>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
