//! What all parts of a node share: its config, its clocks, the metadata it follows and the way to the controller.
//!
//! Made once at start; read from every thread. What changes at run time sits behind an atomically swapped pointer.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use klamm_config::BrokerConfig;
use klamm_io::{Clock, Entropy, disk::Disk};
use klamm_metadata::MetadataImage;
use klamm_protocol::{StrBytes, Uuid};
use klamm_replica::fetch_session::FetchSessions;
use klamm_share::session::ShareSessions;
use tokio::sync::watch;

use crate::{
    listener::{limits::ConnectionLimits, memory_pool::MemoryPool, queue::RequestQueue},
    log_dirs::LogDirs,
    metadata::Metadata,
    metrics::{cleaner::CleanerMeasures, node::NodeMeasures},
    quorum::ControllerHandle,
    quotas::Quotas,
    replication::throttle::Throttle,
    shard::requests::TopicPartition,
};

/// What a node waits for its own metadata to catch up with a change that it has asked for.
const APPLY_WAIT: Duration = Duration::from_secs(2);

/// The name of a listener, in upper case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListenerName(Arc<str>);

impl ListenerName {
    /// The name, which Kafka compares in upper case.
    pub fn new(name: &str) -> Self {
        Self(name.to_uppercase().into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ListenerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The world as this node sees it.
#[derive(Clone, Debug)]
pub struct World {
    /// Time.
    pub clock: Clock,
    /// Randomness.
    pub entropy: Entropy,
    /// Files.
    pub disk: Disk,
}

impl World {
    /// The machine's own clock, randomness and files.
    pub fn real() -> Self {
        Self { clock: Clock::real(), entropy: Entropy::real(), disk: Disk::real() }
    }

    /// The clock and randomness of where the caller is, be it a simulation, and `disk`.
    pub fn here(disk: Disk) -> Self {
        Self { clock: Clock::here(), entropy: Entropy::here(), disk }
    }
}

/// A node.
#[derive(Debug)]
pub struct Node {
    /// `node.id`.
    pub id: i32,
    /// `cluster.id` of `meta.properties`.
    pub cluster_id: StrBytes,
    /// The broker epoch of the last run, if it ended properly; -1 otherwise (KIP-966).
    pub previous_broker_epoch: i64,
    /// Names this run of the process to the controller.
    pub incarnation_id: Uuid,
    /// The config, with what was altered at run time.
    pub config: ArcSwap<BrokerConfig>,
    /// Clock, randomness and disk.
    pub world: World,
    /// The cluster's metadata, as far as it is committed and applied here.
    pub metadata: Metadata,
    /// The way to the active controller.
    pub controller: ControllerHandle,
    /// Where partitions are kept.
    pub log_dirs: LogDirs,
    /// Fetch sessions of all connections: a client may come back by another connection, on another shard.
    pub fetch_sessions: Mutex<FetchSessions>,
    /// Share sessions of all members.
    pub share_sessions: Mutex<ShareSessions>,
    /// How many shards there are.
    pub shard_count: usize,
    /// The broker epoch that the controller gave this run of the process; -1 before it has.
    pub broker_epoch: watch::Sender<i64>,
    /// How fast throttled replicas are sent to followers.
    pub leader_throttle: Throttle,
    /// How fast throttled replicas are fetched from leaders.
    pub follower_throttle: Throttle,
    /// How fast partitions move between log directories.
    pub move_throttle: Throttle,
    /// Clients' connections that are open and may be.
    pub limits: Arc<ConnectionLimits>,
    /// Those to the controller's listeners. They are counted by themselves, as in Kafka, so that no crowd of clients
    /// keeps the nodes of the cluster apart.
    pub controller_limits: Arc<ConnectionLimits>,
    /// Requests for records that wait for their shards.
    pub queue: RequestQueue,
    /// Memory for requests of clients and brokers.
    pub request_memory: Arc<MemoryPool>,
    /// Memory for requests to the controller, so that no crowd of clients keeps the nodes of the cluster apart.
    pub controller_memory: Arc<MemoryPool>,
    /// What clients may do before they have to wait.
    pub quotas: Arc<Quotas>,
    /// What log cleaners have seen.
    pub cleaning: Mutex<CleanerMeasures>,
    /// What the node notes of itself for whoever reads metrics.
    pub measures: NodeMeasures,
}

impl Node {
    /// The limits of all listeners' connections.
    pub fn all_limits(&self) -> [&ConnectionLimits; 2] {
        [&self.limits, &self.controller_limits]
    }

    /// What log cleaners have seen.
    pub fn cleaning(&self) -> MutexGuard<'_, CleanerMeasures> {
        self.cleaning.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The fetch sessions.
    pub fn sessions(&self) -> MutexGuard<'_, FetchSessions> {
        self.fetch_sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The share sessions.
    pub fn share_sessions(&self) -> MutexGuard<'_, ShareSessions> {
        self.share_sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until this node knows of a change that the controller has made, so that whoever asked for it may go on at
    /// once. Where in the log the change is only the controller knows; here it counts what the image says. A node that
    /// lags answers all the same.
    pub async fn applied(&self, is_there: impl Fn(&MetadataImage) -> bool) {
        let _ = self.world.clock.timeout(APPLY_WAIT, self.metadata.wait_until(is_there)).await;
    }

    /// Whether a partition is being moved to this broker among others.
    pub fn is_added_replica(&self, at: &TopicPartition, broker: i32) -> bool {
        let published = self.metadata.load();
        let partition = published.image.topics.partition(&at.topic, at.index);
        partition.is_some_and(|partition| partition.adding_replicas.contains(&broker))
    }

    /// The broker epoch; -1 before the broker is registered.
    pub fn broker_epoch(&self) -> i64 {
        *self.broker_epoch.borrow()
    }
}
