//! What a node knows of the quorum before it starts.

use crate::KRAFT_VERSIONS;
use crate::voters::{ReplicaKey, Voter, VoterSet};
use klamm_protocol::{StrBytes, Uuid};
use std::time::Duration;

/// Host and port of a listener.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// Name of the listener.
    pub listener: StrBytes,
    /// Host name or address.
    pub host: StrBytes,
    /// Port.
    pub port: u16,
}

/// Identity, voters and timeouts of a node.
#[derive(Clone, Debug)]
pub struct Config {
    /// `node.id`.
    pub node_id: i32,
    /// Of the metadata log directory, from `meta.properties`.
    pub directory_id: Uuid,
    /// From `meta.properties`.
    pub cluster_id: StrBytes,
    /// Whether the node has the controller role; without, it observes for ever.
    pub is_controller: bool,
    /// `controller.quorum.voters`; empty for a dynamic quorum.
    pub static_voters: VoterSet,
    /// `controller.quorum.bootstrap.servers`; empty: the static voters.
    pub bootstrap_servers: Vec<(StrBytes, u16)>,
    /// Name of the controller listener that requests to other controllers go to.
    pub listener: StrBytes,
    /// The controller listeners of this node, as others reach them.
    pub advertised: Vec<Endpoint>,
    /// `controller.quorum.election.timeout.ms`; doubled at random.
    pub election_timeout: Duration,
    /// `controller.quorum.election.backoff.max.ms`.
    pub election_backoff_max: Duration,
    /// `controller.quorum.fetch.timeout.ms`.
    pub fetch_timeout: Duration,
    /// `controller.quorum.request.timeout.ms`.
    pub request_timeout: Duration,
    /// `controller.quorum.retry.backoff.ms`.
    pub retry_backoff: Duration,
    /// Largest batch, in bytes. Kafka: 8 MiB.
    pub batch_bytes_max: usize,
    /// `controller.quorum.fetch.max.bytes`: how much to ask for at once; a batch that is larger comes all the same.
    pub fetch_bytes_max: i32,
    /// `controller.quorum.fetch.snapshot.max.bytes`: the largest part of a snapshot to ask for at once.
    pub snapshot_bytes_max: i32,
    /// `controller.quorum.auto.join.enable`: whether a controller that does not vote asks to.
    pub auto_join: bool,
    /// For election timeouts.
    pub seed: u64,
}

impl Config {
    /// A node with Kafka's defaults for every timeout.
    pub fn new(node_id: i32, directory_id: Uuid, cluster_id: StrBytes) -> Self {
        Self {
            node_id,
            directory_id,
            cluster_id,
            is_controller: true,
            static_voters: VoterSet::default(),
            bootstrap_servers: Vec::new(),
            listener: StrBytes::from_static("CONTROLLER"),
            advertised: Vec::new(),
            election_timeout: Duration::from_secs(1),
            election_backoff_max: Duration::from_secs(1),
            fetch_timeout: Duration::from_secs(2),
            request_timeout: Duration::from_secs(2),
            retry_backoff: Duration::from_millis(20),
            batch_bytes_max: 8 * 1024 * 1024,
            fetch_bytes_max: 1024 * 1024,
            snapshot_bytes_max: 1024 * 1024,
            auto_join: false,
            seed: 0,
        }
    }

    /// Id and directory of this node.
    pub const fn replica_key(&self) -> ReplicaKey {
        ReplicaKey { id: self.node_id, directory_id: Some(self.directory_id) }
    }

    /// This node as it would stand in a voter set.
    pub fn voter(&self) -> Voter {
        Voter { key: self.replica_key(), endpoints: self.advertised.clone(), kraft_versions: KRAFT_VERSIONS }
    }
}

/// Parses `controller.quorum.voters`: `id@host:port,…`. The endpoints get the name `listener`.
///
/// # Errors
/// The entry that is not of that form.
pub fn parse_voters(text: &str, listener: &str) -> Result<VoterSet, String> {
    let mut voters = VoterSet::default();
    for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let voter = parse_voter(entry, listener).ok_or_else(|| entry.to_owned())?;
        voters.insert(voter);
    }
    Ok(voters)
}

fn parse_voter(entry: &str, listener: &str) -> Option<Voter> {
    let (id, address) = entry.split_once('@')?;
    let (host, port) = address.rsplit_once(':')?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let id = id.trim().parse().ok()?;
    let endpoint = Endpoint { listener: listener.into(), host: host.into(), port: port.trim().parse().ok()? };
    Some(Voter {
        key: ReplicaKey { id, directory_id: None },
        endpoints: vec![endpoint],
        kraft_versions: (0, 0),
    })
}
