//! The file `quorum-state` of the metadata log: what a replica of the quorum must not forget about
//! elections.
//!
//! On disk it is JSON, one line, with the version in `data_version`: these are its fields.
//!
//! * v1 directory id of the vote; the voters are in the log instead (KIP-853)

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

/// Content of the file.
#[derive(Debug, Clone, PartialEq, Message)]
#[data(versions = 0..=1, flexible = 0..)]
pub struct QuorumStateData {
    /// Id of the cluster; gone in v1.
    #[field(until = 0)]
    pub cluster_id: StrBytes,
    /// Node id of the leader, -1 while unknown.
    #[field(default = -1)]
    pub leader_id: i32,
    /// Epoch the node is in.
    #[field(default = -1)]
    pub leader_epoch: i32,
    /// Node id of the replica voted for in this epoch, -1 for none.
    #[field(default = -1)]
    pub voted_id: i32,
    /// Directory id of the replica voted for.
    #[field(since = 1)]
    pub voted_directory_id: Uuid,
    /// Not used any more.
    #[field(until = 0)]
    pub applied_offset: i64,
    /// The voters; in the log since v1.
    #[field(until = 0)]
    pub current_voters: Option<Vec<Voter>>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`QuorumStateData::current_voters`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct Voter {
    /// Node id of the voter.
    pub voter_id: i32,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
