//! Replicas and voter sets.

use crate::config::Endpoint;
use klamm_protocol::Uuid;
use klamm_protocol::control::{
    Endpoint as VotersRecordEndpoint, KRaftVersionFeature, VotersRecord, VotersRecordVoter,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A replica of the metadata log: a node and, if known, which of its disks (KIP-853).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicaKey {
    /// Node id.
    pub id: i32,
    /// `None`: not known, matches every directory.
    pub directory_id: Option<Uuid>,
}

impl ReplicaKey {
    /// From a message, where the zero id stands for "unknown".
    pub fn from_wire(id: i32, directory_id: Uuid) -> Self {
        Self { id, directory_id: (!directory_id.is_zero()).then_some(directory_id) }
    }

    /// As in messages.
    pub fn wire_directory_id(&self) -> Uuid {
        self.directory_id.unwrap_or(Uuid::ZERO)
    }

    /// Whether `other` is the replica that this key means.
    pub fn matches(&self, other: &Self) -> bool {
        self.id == other.id && (self.directory_id.is_none() || self.directory_id == other.directory_id)
    }
}

impl fmt::Display for ReplicaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.directory_id {
            Some(directory_id) => write!(f, "{} ({directory_id})", self.id),
            None => write!(f, "{}", self.id),
        }
    }
}

/// A voter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voter {
    /// Which replica.
    pub key: ReplicaKey,
    /// Where its controller listeners are.
    pub endpoints: Vec<Endpoint>,
    /// Lowest and highest `kraft.version` it supports.
    pub kraft_versions: (i16, i16),
}

/// The voters, by node id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VoterSet {
    voters: BTreeMap<i32, Voter>,
}

impl VoterSet {
    /// Adds or replaces the voter of that node id.
    pub fn insert(&mut self, voter: Voter) {
        self.voters.insert(voter.key.id, voter);
    }

    /// Takes the voter of that node id out.
    pub fn remove(&mut self, id: i32) {
        self.voters.remove(&id);
    }

    /// By node id.
    pub fn voter(&self, id: i32) -> Option<&Voter> {
        self.voters.get(&id)
    }

    /// Whether that replica votes.
    pub fn is_voter(&self, key: &ReplicaKey) -> bool {
        self.voters.get(&key.id).is_some_and(|voter| voter.key.matches(key))
    }

    /// Whether that replica is the one voter.
    pub fn is_only_voter(&self, key: &ReplicaKey) -> bool {
        self.voters.len() == 1 && self.is_voter(key)
    }

    /// Every voter, by ascending id.
    pub fn iter(&self) -> impl Iterator<Item = &Voter> {
        self.voters.values()
    }

    /// Their node ids.
    pub fn ids(&self) -> BTreeSet<i32> {
        self.voters.keys().copied().collect()
    }

    /// How many voters there are.
    pub fn len(&self) -> usize {
        self.voters.len()
    }

    /// Whether nobody votes, as on a node that has not heard of the quorum yet.
    pub fn is_empty(&self) -> bool {
        self.voters.is_empty()
    }

    /// How many votes elect a leader.
    pub fn majority(&self) -> usize {
        self.voters.len() / 2 + 1
    }

    /// The endpoint of a voter on a listener, or its first one.
    pub fn endpoint(&self, id: i32, listener: &str) -> Option<&Endpoint> {
        let endpoints = &self.voters.get(&id)?.endpoints;
        endpoints.iter().find(|endpoint| endpoint.listener == *listener).or_else(|| endpoints.first())
    }

    /// From the control record.
    pub fn from_record(record: &VotersRecord) -> Self {
        let voters = record.voters.iter().map(|voter| Voter {
            key: ReplicaKey::from_wire(voter.voter_id, voter.voter_directory_id),
            endpoints: voter
                .endpoints
                .iter()
                .map(|endpoint| Endpoint {
                    listener: endpoint.name.clone(),
                    host: endpoint.host.clone(),
                    port: endpoint.port,
                })
                .collect(),
            kraft_versions: (
                voter.kraft_version_feature.min_supported_version,
                voter.kraft_version_feature.max_supported_version,
            ),
        });
        Self { voters: voters.map(|voter| (voter.key.id, voter)).collect() }
    }

    /// As the control record.
    pub fn to_record(&self) -> VotersRecord {
        let voters = self.voters.values().map(|voter| VotersRecordVoter {
            voter_id: voter.key.id,
            voter_directory_id: voter.key.wire_directory_id(),
            endpoints: voter
                .endpoints
                .iter()
                .map(|endpoint| VotersRecordEndpoint {
                    name: endpoint.listener.clone(),
                    host: endpoint.host.clone(),
                    port: endpoint.port,
                    ..Default::default()
                })
                .collect(),
            kraft_version_feature: KRaftVersionFeature {
                min_supported_version: voter.kraft_versions.0,
                max_supported_version: voter.kraft_versions.1,
                ..Default::default()
            },
            ..Default::default()
        });
        VotersRecord { version: 0, voters: voters.collect(), ..Default::default() }
    }
}
