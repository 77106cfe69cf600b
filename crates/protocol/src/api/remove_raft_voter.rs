//! RemoveRaftVoter (key 81).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 81, versions = 0, flexible = 0.., listeners = [Controller, Broker])]
pub struct RemoveRaftVoterRequest {
    pub cluster_id: Option<StrBytes>,
    pub voter_id: i32,
    pub voter_directory_id: Uuid,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 81, versions = 0, flexible = 0..)]
pub struct RemoveRaftVoterResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    #[field(ignorable)]
    pub error_message: Option<StrBytes>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
