//! UpdateRaftVoter (key 82): changes the endpoints or versions of a voter (KIP-853).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 82, versions = 0, flexible = 0.., listeners = [Controller])]
pub struct UpdateRaftVoterRequest {
    /// Id of the cluster.
    pub cluster_id: Option<StrBytes>,
    /// Leader epoch the client knows, -1 for no check: lets the broker fence outdated clients
    /// (KIP-320).
    pub current_leader_epoch: i32,
    /// Node id of the voter.
    pub voter_id: i32,
    /// Directory id of the voter.
    pub voter_directory_id: Uuid,
    /// Endpoints, by listener.
    pub listeners: Vec<Listener>,
    /// Versions of the quorum's protocol that the replica supports.
    #[field(name = "KRaftVersionFeature")]
    pub kraft_version_feature: KRaftVersionFeature,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`UpdateRaftVoterRequest::listeners`].
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

/// The value of [`UpdateRaftVoterRequest::kraft_version_feature`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct KRaftVersionFeature {
    /// Lowest supported version.
    pub min_supported_version: i16,
    /// Highest supported version.
    pub max_supported_version: i16,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 82, versions = 0, flexible = 0..)]
pub struct UpdateRaftVoterResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// Error, 0 for none.
    #[field(counted = self.error_code != 0)]
    pub error_code: i16,
    /// Who leads now.
    #[field(tag = 0)]
    pub current_leader: CurrentLeader,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The value of [`UpdateRaftVoterResponse::current_leader`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct CurrentLeader {
    /// Node id of the leader, -1 for none.
    #[field(default = -1)]
    pub leader_id: i32,
    /// Epoch of the leader.
    #[field(default = -1)]
    pub leader_epoch: i32,
    /// Host name or address.
    pub host: StrBytes,
    /// Port.
    pub port: i32,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
