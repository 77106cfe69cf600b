//! UpdateRaftVoter (key 82).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 82, versions = 0, flexible = 0.., listeners = [Controller])]
pub struct UpdateRaftVoterRequest {
    pub cluster_id: Option<StrBytes>,
    pub current_leader_epoch: i32,
    pub voter_id: i32,
    pub voter_directory_id: Uuid,
    pub listeners: Vec<Listener>,
    #[field(name = "KRaftVersionFeature")]
    pub kraft_version_feature: KRaftVersionFeature,
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
pub struct KRaftVersionFeature {
    pub min_supported_version: i16,
    pub max_supported_version: i16,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 82, versions = 0, flexible = 0..)]
pub struct UpdateRaftVoterResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    #[field(tag = 0)]
    pub current_leader: CurrentLeader,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct CurrentLeader {
    #[field(default = -1)]
    pub leader_id: i32,
    #[field(default = -1)]
    pub leader_epoch: i32,
    pub host: StrBytes,
    pub port: i32,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
