//! Quorum state.

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

#[derive(Debug, Clone, PartialEq, Message)]
#[data(versions = 0..=1, flexible = 0..)]
pub struct QuorumStateData {
    #[field(until = 0)]
    pub cluster_id: StrBytes,
    #[field(default = -1)]
    pub leader_id: i32,
    #[field(default = -1)]
    pub leader_epoch: i32,
    #[field(default = -1)]
    pub voted_id: i32,
    #[field(since = 1)]
    pub voted_directory_id: Uuid,
    #[field(until = 0)]
    pub applied_offset: i64,
    #[field(until = 0)]
    pub current_voters: Option<Vec<Voter>>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct Voter {
    pub voter_id: i32,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
