//! AddRaftVoter (key 80).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 80, versions = 0..=1, flexible = 0.., listeners = [Controller, Broker])]
pub struct AddRaftVoterRequest {
    pub cluster_id: Option<StrBytes>,
    pub timeout_ms: i32,
    pub voter_id: i32,
    pub voter_directory_id: Uuid,
    pub listeners: Vec<Listener>,
    #[field(since = 1, default = true)]
    pub ack_when_committed: bool,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct Listener {
    pub name: StrBytes,
    pub host: StrBytes,
    pub port: u16,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 80, versions = 0..=1, flexible = 0..)]
pub struct AddRaftVoterResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    #[field(ignorable)]
    pub error_message: Option<StrBytes>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
