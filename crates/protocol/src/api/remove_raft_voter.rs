//! RemoveRaftVoter (key 81): removes a voter from the metadata quorum (KIP-853).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 81, versions = 0, flexible = 0.., listeners = [Controller, Broker])]
pub struct RemoveRaftVoterRequest {
    /// Id of the cluster.
    pub cluster_id: Option<StrBytes>,
    /// Node id of the voter.
    pub voter_id: i32,
    /// Directory id of the voter.
    pub voter_directory_id: Uuid,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 81, versions = 0, flexible = 0..)]
pub struct RemoveRaftVoterResponse {
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
